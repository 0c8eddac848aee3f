"""Fault drills: hosts of their own on this machine, a Ray cluster on them, and accidents."""

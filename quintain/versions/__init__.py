"""Model versions: winners refitted, kept safely with their card, and used under a clear name."""

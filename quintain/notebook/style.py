"""How a page looks: light and dark, on a phone, and on paper. No font or image is fetched."""

#: Okabe & Ito's colours; where the page is dark, lighter ones of the same hue.
CSS = """
:root { color-scheme: light dark;
  --page: #ffffff; --ink: #1a1a1a; --dim: #5c5c5c; --grid: #e2e2e2; --axis: #4a4a4a;
  --soft: #f4f5f6; --blue: #0072b2; --orange: #d55e00; --green: #00805c; --pink: #b85a93;
  --sky: #2b8fc4; --gold: #a87400; --grey: #8c8c8c; --doubt: #a34300;
  --q0: #d3d8de; --q1: #a9bccd; --q2: #7ba3c4; --q3: #3f86b8; --q4: #005a94 }
@media screen and (prefers-color-scheme: dark) { :root {
  --page: #15181c; --ink: #ececec; --dim: #a8adb3; --grid: #2c3137; --axis: #9aa0a6;
  --soft: #1e2328; --blue: #56b4e9; --orange: #ff9d52; --green: #2fd0a0; --pink: #e39ac6;
  --sky: #8fd3f7; --gold: #f0c04a; --grey: #8b9096; --doubt: #ffb27a;
  --q0: #333b43; --q1: #3d566b; --q2: #447899; --q3: #4d9ccb; --q4: #8fd3ff } }
* { box-sizing: border-box }
body { margin: 0 auto; padding: 1rem; max-width: 62rem; background: var(--page);
  color: var(--ink); font: 1rem/1.5 system-ui, sans-serif; overflow-wrap: anywhere }
h1 { margin: 0; font-size: 1.6rem } h2 { margin: 2.4rem 0 .6rem; font-size: 1.25rem;
  border-bottom: 1px solid var(--grid) }
a { color: var(--blue) } .skip { position: absolute; left: -99rem }
.skip:focus { left: 1rem; background: var(--page); padding: .3rem }
:focus-visible { outline: 3px solid var(--blue); outline-offset: 2px }
nav ul { display: flex; flex-wrap: wrap; gap: .2rem 1rem; padding: 0; list-style: none }
.lead, .aside, .note { color: var(--dim) } .aside, .note { font-size: .9rem }
.claim { font-size: 1.5rem; font-weight: 600; line-height: 1.3; margin: .6rem 0 }
.doubt { border-left: 4px solid var(--doubt); padding: .2rem .7rem; background: var(--soft) }
dl { display: grid; grid-template-columns: minmax(8rem, 13rem) 1fr; gap: .25rem 1rem;
  margin: .6rem 0 }
dt { color: var(--dim) } dd { margin: 0; white-space: pre-line }
.wide { overflow-x: auto; margin: .8rem 0 } table { border-collapse: collapse; font-size: .9rem }
caption { text-align: left; font-weight: 600; padding: .2rem 0 }
th, td { padding: .15rem .7rem .15rem 0; text-align: right; vertical-align: top;
  white-space: nowrap; font-variant-numeric: tabular-nums }
thead th { color: var(--dim); font-weight: 500; border-bottom: 1px solid var(--grid) }
th.word, td.word { text-align: left } td.word { white-space: normal; min-width: 6rem }
tbody th { font-weight: 400 } tr.marked > * { font-weight: 700 }
tbody tr:nth-child(even) { background: var(--soft) }
details { margin: .8rem 0 } summary { cursor: pointer; color: var(--blue) }
pre { overflow-x: auto; background: var(--soft); padding: .7rem; font-size: .85rem }
figure { margin: .8rem 0; overflow-x: auto } figcaption { font-weight: 600 }
figure p { margin: .2rem 0; color: var(--dim); font-size: .9rem }
.beside { display: flex; flex-wrap: wrap; gap: 1rem } .beside figure { flex: 1 1 20rem }
svg { max-width: 100%; min-width: 22rem; height: auto; display: block;
  font: 13px system-ui, sans-serif }
.ink { fill: var(--ink) } .dim { fill: var(--dim) } .grid { stroke: var(--grid); fill: none }
.axis { stroke: var(--axis); fill: none } .page { fill: var(--page) }
.line { fill: none; stroke: var(--c); stroke-width: 1.8; stroke-linejoin: round }
.line.thin { stroke-width: 1.2; opacity: .8 } .line.thin:hover { stroke-width: 4; opacity: 1 }
.line.strong { stroke: var(--green); stroke-width: 3; opacity: 1 }
.dashed { fill: none; stroke: var(--c); stroke-width: 1.4; stroke-dasharray: 6 4 }
.band { fill: var(--c); opacity: .18 } .bar { fill: var(--c) } .dot { fill: var(--c) }
circle.dot { fill-opacity: .6 } .dots { stroke: var(--c); stroke-width: 5; stroke-linecap: round;
  stroke-opacity: .45; fill: none }
.halo { paint-order: stroke; stroke: var(--page); stroke-width: 4px; font-size: 11px }
.blue { --c: var(--blue) } .orange, .floor { --c: var(--orange) } .green { --c: var(--green) }
.pink { --c: var(--pink) } .sky { --c: var(--sky) } .gold { --c: var(--gold) }
.grey { --c: var(--grey) } .q0 { --c: var(--q0) } .q1 { --c: var(--q1) } .q2 { --c: var(--q2) }
.q3 { --c: var(--q3) } .q4 { --c: var(--q4) }
.whole .trial { fill: var(--grey); fill-opacity: .55 } .whole .out { stroke: var(--grey) }
.whole .front { fill: var(--blue) } .whole .line { stroke: var(--blue) }
.whole .winner { fill: none; stroke: var(--green); stroke-width: 3 }
.whole .base { stroke: var(--orange); stroke-width: 1.6; stroke-dasharray: 6 4 }
.whole .floor { fill: var(--doubt) }
@media (max-width: 40rem) { dl { grid-template-columns: 1fr; gap: 0 } dd { margin-bottom: .5rem } }
@media print { body { max-width: none; font-size: 10pt } nav, .skip { display: none }
  figure, tr { break-inside: avoid } h2 { break-after: avoid } pre { white-space: pre-wrap }
  details::details-content { content-visibility: visible; height: auto }
  .wide { overflow: visible } td { white-space: normal } }
"""

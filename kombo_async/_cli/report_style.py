"""The style of the report: light and dark, readable on a phone."""

STYLE = """
:root { color-scheme: light dark; --ink: #1d2433; --soft: #5b6577; --line: #e4e7ec; --card: #fff; --back: #f6f7f9;
  --good: #16794c; --bad: #b42318; --open: #8f4f04; --bar: #7aa2e3; --slow: #c2410c; --link: #1d4ed8; }
@media (prefers-color-scheme: dark) { :root { --ink: #e6e9ef; --soft: #98a2b3; --line: #2b3241; --card: #161b26;
  --back: #0e121b; --good: #47b881; --bad: #f97066; --open: #fdb022; --bar: #4f7cc4; --slow: #fb923c;
  --link: #8ab4f8; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--back); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; }
main { max-width: 944px; margin: 0 auto; padding: 40px 24px 64px; }
h1 { font-size: 24px; margin: 0; overflow-wrap: anywhere; }
h2 { font-size: 18px; line-height: 1.3; margin: 36px 0 12px; overflow-wrap: anywhere; }
h2.bad { color: var(--bad); } h2.open { color: var(--open); }
h2 .soft { font-weight: 400; font-size: 15px; }
p { color: var(--soft); margin: 4px 0 12px; }
p.said { color: var(--ink); overflow-wrap: anywhere; }
p.cure { color: var(--ink); }
p.cure:empty { display: none; }
a { color: var(--link); }
.soft { color: var(--soft); }
.totals { display: grid; grid-template-columns: repeat(auto-fit, minmax(120px, 1fr)); gap: 12px; margin-top: 24px; }
.card { background: var(--card); border: 1px solid var(--line); border-radius: 10px; padding: 16px; }
.card b { display: block; font-size: 26px; line-height: 1.2; font-variant-numeric: tabular-nums; }
.card span { color: var(--soft); }
.good b { color: var(--good); } .bad b { color: var(--bad); } .open b { color: var(--open); }
table { width: 100%; border-collapse: collapse; }
th, td { text-align: left; vertical-align: top; padding: 8px 12px 8px 0; border-bottom: 1px solid var(--line); }
td:last-child { padding-right: 0; }
th { color: var(--soft); font-weight: 500; }
tr:last-child td { border-bottom: 0; }
td { overflow-wrap: anywhere; }
td.number { width: 1%; font-variant-numeric: tabular-nums; overflow-wrap: normal; color: var(--soft); }
summary { cursor: pointer; color: var(--link); padding: 4px 0; }
.chart { display: grid; grid-template-columns: auto 1fr auto; gap: 2px 8px; font-size: 13px; color: var(--soft); }
.chart svg { display: block; width: 100%; height: 160px; border-bottom: 1px solid var(--line); }
.chart div { display: flex; flex-direction: column; justify-content: space-between; }
.chart .times { grid-column: 2; flex-direction: row; }
.bars { fill: var(--bar); }
.slow { fill: none; stroke: var(--slow); stroke-width: 2; vector-effect: non-scaling-stroke; stroke-linecap: round; }
.key { display: inline-block; width: 10px; height: 10px; border-radius: 2px; margin: 0 6px 0 0; }
.keys { display: flex; flex-wrap: wrap; gap: 4px 20px; margin: 12px 0 0; }
@media (max-width: 520px) { main { padding: 24px 16px 48px; } .card { padding: 12px; }
  .totals { grid-template-columns: repeat(2, 1fr); } }
@media print { body { background: #fff; } .card { break-inside: avoid; } }
"""

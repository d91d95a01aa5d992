/**
 * How the page looks: light and dark as the reader's system has it, from a phone's width on, and on paper. Colours that mean something are
 * variables, which charts take by name; `--c0` to `--c9` are those of curves and classes.
 */

const LIGHT = `
  --text: #1b1f24; --soft: #57606a; --paper: #ffffff; --panel: #f5f7f9; --line: #d5dae0; --accent: #1f6fb2; --on-accent: #ffffff;
  --muted: #a4adb8; --wrong: #c2410c; --good: #1a7f4b; --fair: #9a6700; --poor: #b42318; --report: #1f6fb2; --ambiguous: #d99a1c; --reject: #8e2a66;
  --c0: #1f6fb2; --c1: #d9480f; --c2: #2b8a3e; --c3: #7048c6; --c4: #b8860b; --c5: #c2255c; --c6: #0c8599; --c7: #6b4f3a; --c8: #5c6770; --c9: #7a9e00`;
const DARK = `
  --text: #dfe4ea; --soft: #9aa5b1; --paper: #14181d; --panel: #1d232a; --line: #39424d; --accent: #58a6e8; --on-accent: #0b1016;
  --muted: #66717d; --wrong: #ff9a5c; --good: #57c78a; --fair: #e0b04a; --poor: #ff8a7a; --report: #58a6e8; --ambiguous: #e0b04a; --reject: #e07ab5;
  --c0: #58a6e8; --c1: #ff9a5c; --c2: #6fcf7f; --c3: #b79cf5; --c4: #e5c04b; --c5: #f783ac; --c6: #4fd0e0; --c7: #c9a58a; --c8: #a9b4c0; --c9: #b9dc4d`;

export const PAGE_STYLE = `
:root { color-scheme: light dark;${LIGHT} }
@media (prefers-color-scheme: dark) { :root {${DARK} } }
* { box-sizing: border-box }
html { scroll-padding-top: 1rem }
body { font: 15px/1.45 system-ui, sans-serif; color: var(--text); background: var(--paper); max-width: 84rem; margin: 2rem auto; padding: 0 1rem }
h1 { font-size: 1.5rem; margin-bottom: 0.3rem; overflow-wrap: anywhere }
h2 { font-size: 1.2rem; margin-top: 2.5rem; border-bottom: 1px solid var(--line) } h3, h4 { font-size: 1rem; margin: 1.8rem 0 0.4rem } .subject h3 { font-size: 1.15rem; border-bottom: 1px solid var(--line) }
.subject > h2 { font-size: 1.35rem; margin-top: 3.5rem; border-bottom: 3px solid var(--accent); overflow-wrap: anywhere }
p { max-width: 60rem } .small, .source, figcaption, caption { color: var(--soft); font-size: 0.87rem } .source { overflow-wrap: anywhere }
a { color: var(--accent) }
:focus-visible { outline: 2px solid var(--accent); outline-offset: 2px }
nav ul { display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; list-style: none; padding: 0; margin: 0.8rem 0 }
.skip { position: absolute; left: -99rem } .skip:focus { left: 1rem; top: 0.3rem; background: var(--paper); padding: 0.3rem 0.6rem }
.beside { display: flex; flex-wrap: wrap; gap: 1.5rem 2.5rem; align-items: flex-start } .beside > * { min-width: 0 }
.scroll { overflow-x: auto; max-width: 100%; min-width: 0 }
.note { border-left: 4px solid var(--accent); padding-left: 0.8rem; max-width: 52rem }
.chart { margin: 1rem 0 } figure { margin: 0; max-width: none !important }
.panels { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(16rem, 100%), 1fr)); gap: 0.6rem 1.2rem }
.panel svg { display: block; width: 100%; height: auto; max-width: none } .panel figcaption { text-align: center }
.legend { display: flex; flex-wrap: wrap; gap: 0.2rem 1.1rem; list-style: none; padding: 0; font-size: 0.87rem }
.legend i { display: inline-block; width: 0.85em; height: 0.85em; margin-right: 0.4em; vertical-align: -0.08em }
table { border-collapse: collapse; font-variant-numeric: tabular-nums } caption { text-align: left; padding-bottom: 0.2rem }
th, td { padding: 0.2rem 0.8rem; text-align: right; border-bottom: 1px solid var(--line); white-space: nowrap }
th { font-weight: 600 } tbody th { font-weight: 400 } .best { font-weight: 700 }
.figures td, .figures th { white-space: normal; text-align: left }
th:first-child, td:first-child { text-align: left; padding-left: 0 }
.verdicts { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(19rem, 100%), 1fr)); gap: 1rem; margin: 1rem 0; padding: 0; list-style: none }
.verdicts li { background: var(--panel); border-top: 4px solid var(--tone); border-radius: 4px; padding: 0.7rem 0.9rem }
.verdicts h3, .verdicts h4 { margin: 0; font-size: 0.87rem; font-weight: 600; color: var(--soft) } .verdicts p { margin: 0.3rem 0 0 }
.verdicts .verdict { font-size: 1.1rem; font-weight: 700; color: var(--tone) }
.verdicts .value { font-variant-numeric: tabular-nums } .verdicts b { font-size: 1.1rem }
.good { --tone: var(--good) } .fair { --tone: var(--fair) } .poor { --tone: var(--poor) }
.cards { display: grid; grid-template-columns: repeat(auto-fill, minmax(min(17rem, 100%), 1fr)); gap: 1.2rem 1rem; padding: 0; margin: 1rem 0; list-style: none }
.card { background: var(--panel); border-radius: 4px; padding: 0.7rem; min-width: 0; break-inside: avoid }
.faces { display: grid; grid-template-columns: repeat(3, 1fr); gap: 0.4rem } .faces.all { grid-template-columns: repeat(4, 1fr) }
.face svg { display: block; width: 100%; height: auto; background: #000 } .face figcaption { font-size: 0.78rem; line-height: 1.25; overflow-wrap: anywhere }
.card p { margin: 0.35rem 0 0; overflow-wrap: anywhere } .card details { margin-top: 0.35rem } summary { cursor: pointer }
.p1, .p2, .p3, .p4 { fill: #ff9100 } .p1 { fill-opacity: 0.2 } .p2 { fill-opacity: 0.35 } .p3 { fill-opacity: 0.5 } .p4 { fill-opacity: 0.65 }
pre { background: var(--panel); padding: 1rem; overflow-x: auto; font-size: 13px }
@media (max-width: 560px) { table { font-size: 0.87rem } th, td { padding: 0.2rem 0.3rem } .beside { gap: 1.5rem 0 } }
@media print {
  :root { color-scheme: light;${LIGHT} }
  body { margin: 0; max-width: none; font-size: 10pt; print-color-adjust: exact; -webkit-print-color-adjust: exact }
  nav, .skip { display: none } h2, h3 { break-after: avoid } .chart, .panel, .verdicts li, tr { break-inside: avoid }
  .scroll, pre { overflow: visible } pre { white-space: pre-wrap } table { font-size: 8pt } th, td { padding: 0.1rem 0.35rem; white-space: normal }
}`;

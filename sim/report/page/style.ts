/**
 * How the page looks. The colours are Okabe and Ito's, darker on light paper, so that colour-blind people tell them
 * apart and text in them can be read (contrast of 4.5 and more); whatever a colour says, a shape or a word says too.
 */
export const STYLE: string = `
:root {
  color-scheme: light dark;
  --paper: #ffffff; --page: #f4f6f8; --ink: #16202c; --quiet: #556273; --line: #c4ccd6; --life: #7d8a9a;
  --good: #007a5a; --bad: #b83b00; --warn: #8f5e00; --message: #3d7fb0; --ask: #8a4a78;
  --past: #0060a8; --future: #a34a00;
  --tint0: #e3f0fa; --tint1: #fdf0dc; --tint2: #e4f4ec; --tint3: #f8e8f1; --good-paper: #e2f3ec; --bad-paper: #fdebe2; --warn-paper: #fbf1da;
}
@media (prefers-color-scheme: dark) {
  :root {
    --paper: #151b23; --page: #0d1117; --ink: #e6ebf1; --quiet: #9aa7b6; --line: #3a4553; --life: #8593a3;
    --good: #2fc296; --bad: #ff8a52; --warn: #e8ac38; --message: #6cb4e4; --ask: #d994c0;
    --past: #62b8f5; --future: #ffb454;
    --tint0: #15283a; --tint1: #33270f; --tint2: #11301f; --tint3: #331a2b; --good-paper: #10291f; --bad-paper: #3a1a0b; --warn-paper: #33270f;
  }
}
* { box-sizing: border-box; }
[hidden] { display: none !important; }
body { margin: 0; background: var(--page); color: var(--ink); font: 14px/1.45 ui-sans-serif, system-ui, sans-serif; }
header, section, .stage { max-width: 1720px; margin: 0 auto 14px; padding: 0 16px; }
header { padding-top: 16px; }
.top { background: var(--paper); border: 1px solid var(--line); border-left: 10px solid var(--tone); border-radius: 8px; padding: 14px 18px; }
.valid { --tone: var(--good); --tone-paper: var(--good-paper); }
.invalid { --tone: var(--bad); --tone-paper: var(--bad-paper); }
.unknown { --tone: var(--warn); --tone-paper: var(--warn-paper); }
.heading { display: flex; flex-wrap: wrap; align-items: center; gap: 6px 16px; }
.verdict { background: var(--tone); color: var(--paper); border-radius: 6px; padding: 4px 14px; font-size: 20px; font-weight: 700; letter-spacing: 0.02em; }
h1 { font-size: 22px; margin: 0; overflow-wrap: anywhere; }
h1 small { font-weight: 400; color: var(--quiet); font-size: 15px; }
h2 { font-size: 16px; margin: 0 0 8px; overflow-wrap: anywhere; }
h3 { font-size: 13px; margin: 14px 0 4px; color: var(--quiet); font-weight: 600; }
p { margin: 6px 0; max-width: 78em; }
.facts { display: flex; flex-wrap: wrap; gap: 6px 26px; margin: 12px 0; }
.facts div { min-width: 0; }
dt { color: var(--quiet); font-size: 12px; }
dd { margin: 0; overflow-wrap: anywhere; unicode-bidi: isolate; font-variant-numeric: tabular-nums; }
.replay { display: flex; flex-wrap: wrap; gap: 8px; align-items: center; }
code { font: 13px/1.5 ui-monospace, Menlo, Consolas, monospace; background: var(--page); border: 1px solid var(--line); border-radius: 5px; padding: 4px 9px; overflow-wrap: anywhere; }
button, input, summary { font: inherit; color: inherit; }
button, .choices summary { background: var(--paper); border: 1px solid var(--line); border-radius: 5px; padding: 3px 11px; cursor: pointer; min-height: 30px; }
button:hover, summary:hover { border-color: var(--ink); }
:focus-visible { outline: 3px solid var(--past); outline-offset: 1px; }
input[type="search"], input[type="number"] { background: var(--paper); border: 1px solid var(--line); border-radius: 5px; padding: 3px 8px; min-height: 30px; }
input[type="search"] { width: 15em; } input[type="number"] { width: 7.5em; }
.broken { background: var(--bad-paper); border: 2px solid var(--bad); border-radius: 8px; padding: 12px 16px; margin-top: 12px; }
.broken h2 { color: var(--bad); font-size: 18px; }
.against { display: grid; grid-template-columns: 1fr auto 1fr; gap: 12px; align-items: center; margin: 8px 0 10px; }
.against blockquote { margin: 0; background: var(--paper); border-radius: 6px; padding: 9px 13px; overflow-wrap: anywhere; unicode-bidi: isolate; align-self: stretch; }
.against b { color: var(--bad); }
.tools { display: flex; flex-wrap: wrap; gap: 8px 12px; align-items: center; margin-bottom: 10px; }
.choices { position: relative; } .choices summary { list-style: none; display: inline-block; }
.choices summary::after { content: " ▾"; }
.choices > div { position: absolute; z-index: 4; background: var(--paper); border: 1px solid var(--line); border-radius: 6px; padding: 8px 12px; max-height: 300px; overflow: auto; box-shadow: 0 6px 18px rgb(0 0 0 / 0.25); }
.choices label { display: block; white-space: nowrap; }
label { display: inline-flex; gap: 5px; align-items: center; }
#count { color: var(--quiet); }
.split { display: grid; grid-template-columns: minmax(0, 1fr) 350px; gap: 14px; }
.card, .board, .panel { background: var(--paper); border: 1px solid var(--line); border-radius: 8px; }
.board { position: relative; padding: 8px 0 8px 8px; }
canvas { display: block; width: 100%; cursor: crosshair; touch-action: pan-y; border-radius: 5px; }
#tip { position: absolute; z-index: 3; pointer-events: none; max-width: 260px; background: var(--ink); color: var(--paper); border-radius: 5px; padding: 4px 9px; font-size: 12px; overflow-wrap: anywhere; unicode-bidi: isolate; }
#stretch { position: absolute; top: 8px; bottom: 8px; margin-left: 8px; background: var(--past); opacity: 0.2; pointer-events: none; }
.panel { padding: 13px 16px; overflow: auto; height: 0; min-height: max(100%, 500px); }
.panel dl { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 1px 12px; margin: 0; }
.panel ol { margin: 0; padding-left: 24px; }
.panel .jump { border: 0; padding: 2px 4px; text-align: left; overflow-wrap: anywhere; unicode-bidi: isolate; background: none; min-height: 24px; vertical-align: top; }
.panel .jump:hover { text-decoration: underline; }
.panel li { font-variant-numeric: tabular-nums; }
.cones { border-left: 4px solid var(--past); border-right: 4px solid var(--future); padding: 1px 10px; background: var(--page); border-radius: 4px; }
.none, .hint { color: var(--quiet); }
kbd { font: 12px ui-monospace, Menlo, Consolas, monospace; border: 1px solid var(--line); border-bottom-width: 2px; border-radius: 4px; padding: 0 5px; background: var(--page); }
.legend { list-style: none; margin: 8px 0; padding: 0; display: grid; gap: 4px; }
.legend li { display: flex; gap: 9px; align-items: center; }
.legend svg { flex: none; width: 22px; height: 16px; }
.cards { columns: 2 520px; column-gap: 14px; }
.card { padding: 13px 16px; margin: 0 0 14px; overflow-x: auto; break-inside: avoid; }
table { border-collapse: collapse; width: 100%; font-variant-numeric: tabular-nums; }
th { text-align: left; white-space: nowrap; color: var(--quiet); font-weight: 600; font-size: 12px; }
th, td { padding: 4px 10px 4px 0; border-bottom: 1px solid var(--line); vertical-align: top; overflow-wrap: anywhere; unicode-bidi: isolate; }
tr:last-child td { border-bottom: 0; }
.number { text-align: right; }
.number, .name { white-space: nowrap; }
.held b { color: var(--good); } .not-held { background: var(--bad-paper); } .not-held b { color: var(--bad); }
.bars { height: 34px; width: 190px; display: block; }
.bars rect { fill: var(--message); }
#still svg { width: 100%; height: auto; display: block; }
.good { fill: var(--good); stroke: var(--good); } .bad { fill: var(--bad); stroke: var(--bad); } .warn { fill: var(--warn); stroke: var(--warn); }
.ask { fill: var(--ask); stroke: var(--ask); } .message { fill: var(--message); stroke: var(--message); } .quiet { fill: var(--quiet); stroke: var(--quiet); }
@media (max-width: 1020px) { .split { grid-template-columns: minmax(0, 1fr); } .panel { height: auto; min-height: 0; max-height: 520px; } }
@media (max-width: 560px) {
  header, section, .stage { padding-left: 8px; padding-right: 8px; }
  .against { grid-template-columns: 1fr; gap: 6px; }
  input[type="search"] { width: 100%; }
  .top, .card { padding: 11px 12px; }
}
@media print { .tools, .panel { display: none; } .split { display: block; } }
`

/** What the page is told of the picture. */
export interface PageData {
  readonly nodes: readonly {
    readonly id: string
    readonly text: string
    readonly author: string
    readonly at: string
    readonly record: string
    readonly state: string
    readonly labels: readonly (readonly [string, string])[]
    /** From the nearest root to it: sentences. */
    readonly path: readonly string[]
  }[]
}

/** The little of a browser that the page uses. */
interface Part {
  readonly dataset: Readonly<Record<string, string | undefined>>
  textContent: string | null
  getAttribute(name: string): string | null
  setAttribute(name: string, value: string): void
  append(child: Part): void
  replaceChildren(): void
  addEventListener(type: 'click' | 'keydown', run: (event: { readonly key: string; preventDefault(): void }) => void): void
}

interface Page {
  getElementById(id: string): Part | null
  createElement(tag: string): Part
  querySelector(selector: string): Part | null
  querySelectorAll(selector: string): Iterable<Part>
}

/**
 * Brings the picture to life: whoever chooses a memory sees all of it, and what it is linked to. Carried over by its own source
 * text; texts are only ever set as text.
 */
export function openGraph(data: PageData, page: Page): void {
  const panel = page.getElementById('panel') as Part
  const byId = new Map(data.nodes.map(node => [node.id, node]))
  const add = (parent: Part, tag: string, text: string): Part => {
    const element = page.createElement(tag)
    element.textContent = text
    parent.append(element)
    return element
  }
  const choose = (group: Part): void => {
    const node = byId.get(group.dataset['node'] ?? '')
    if (node === undefined) return
    for (const other of page.querySelectorAll('.chosen'))
      other.setAttribute('class', (other.getAttribute('class') ?? '').replace(' chosen', ''))
    group.setAttribute('class', `${group.getAttribute('class') ?? ''} chosen`)
    panel.replaceChildren()
    add(panel, 'p', node.text).setAttribute('class', 'said')
    const list = add(panel, 'dl', '')
    const row = (name: string, value: string): void => {
      add(list, 'dt', name)
      add(list, 'dd', value)
    }
    row('author', node.author)
    row('written', node.at)
    row('state', node.state)
    row('id', node.id)
    row('record', node.record)
    for (const [name, value] of node.labels) row(name, value)
    if (node.path.length === 0) return
    add(panel, 'h2', 'How it is reached')
    const way = add(panel, 'ol', '')
    for (const step of node.path) add(way, 'li', step)
  }
  for (const group of page.querySelectorAll('[data-node]')) {
    group.addEventListener('click', () => choose(group))
    group.addEventListener('keydown', event => {
      if (event.key !== 'Enter' && event.key !== ' ') return
      event.preventDefault()
      choose(group)
    })
  }
  const first = page.querySelector('.root')
  if (first !== null) choose(first)
}

export const PAGE_STYLE: string = `
:root { color-scheme: light dark; --paper: #fff; --page: #f7f9fb; --ink: #16202c; --quiet: #5a6676; --line: #c4ccd6; --mark: #0064a8; }
@media (prefers-color-scheme: dark) { :root { --paper: #171e27; --page: #0d1117; --ink: #e6ebf1; --quiet: #9aa7b6; --line: #3d4957; --mark: #5bb2f0; } }
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink); font: 14px/1.5 ui-sans-serif, system-ui, sans-serif; display: grid; grid-template-columns: minmax(0, 1fr) 340px; height: 100vh; }
main { overflow: auto; } main svg { display: block; margin: 0 auto; }
aside { background: var(--paper); border-left: 1px solid var(--line); padding: 18px 20px; overflow: auto; overflow-wrap: anywhere; }
.said { font-size: 15px; margin: 0 0 14px; white-space: pre-wrap; unicode-bidi: isolate; }
dl { display: grid; grid-template-columns: auto minmax(0, 1fr); gap: 2px 12px; margin: 0; } dt { color: var(--quiet); } dd { margin: 0; unicode-bidi: isolate; }
h2 { font-size: 13px; color: var(--quiet); margin: 18px 0 4px; } ol { margin: 0; padding-left: 20px; }
.node { cursor: pointer; outline: none; } .node:focus-visible .box, .chosen .box { stroke: var(--mark) !important; stroke-width: 3px !important; }
@media (max-width: 800px) { body { grid-template-columns: 1fr; grid-template-rows: 60vh auto; height: auto; } aside { border-left: 0; border-top: 1px solid var(--line); } }
`

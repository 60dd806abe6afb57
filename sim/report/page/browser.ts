/**
 * The little of a browser that the page of a report uses. The library of the whole DOM would make `window` and timers
 * known to every file of the project; and what is written here is what a reader must trust.
 */
export interface Browser {
  readonly document: {
    readonly documentElement: Element
    readonly activeElement: Element | null
    getElementById(id: string): Element | null
    querySelectorAll(selector: string): Iterable<Element>
    createElement(tag: string): Element
  }
  readonly devicePixelRatio: number
  readonly navigator: { readonly clipboard?: { writeText(text: string): Promise<void> } }
  requestAnimationFrame(run: () => void): void
  matchMedia(query: string): { addEventListener(type: 'change', run: () => void): void }
  getComputedStyle(element: Element): { getPropertyValue(name: string): string }
  addEventListener(type: 'resize', run: () => void): void
  getSelection(): { selectAllChildren(element: Element): void } | null
}

export interface Element {
  readonly children: ArrayLike<Element>
  readonly clientWidth: number
  readonly clientHeight: number
  readonly dataset: Record<string, string | undefined>
  readonly style: { setProperty(name: string, value: string): void }
  textContent: string | null
  className: string
  hidden: boolean
  /** Of fields of a form. */
  value: string
  checked: boolean
  /** Of a canvas. */
  width: number
  height: number
  getContext(kind: '2d'): Context | null
  setAttribute(name: string, value: string): void
  append(...children: (Element | string)[]): void
  replaceChildren(...children: (Element | string)[]): void
  scrollIntoView(options: { readonly block: 'nearest' | 'center' }): void
  focus(options?: { readonly preventScroll: boolean }): void
  getBoundingClientRect(): { readonly left: number; readonly top: number; readonly width: number }
  setPointerCapture(pointer: number): void
  addEventListener<K extends keyof Events>(type: K, run: (event: Events[K]) => void, options?: { readonly passive: boolean }): void
}

export interface Events {
  readonly click: object
  readonly change: object
  readonly input: object
  readonly pointerleave: object
  readonly pointerdown: Pointer
  readonly pointermove: Pointer
  readonly pointerup: Pointer
  readonly pointercancel: Pointer
  readonly wheel: Wheel
  readonly keydown: Key
}

export interface Pointer {
  readonly pointerId: number
  readonly clientX: number
  readonly clientY: number
  readonly button: number
}

export interface Wheel {
  readonly clientX: number
  readonly clientY: number
  readonly deltaX: number
  readonly deltaY: number
  readonly shiftKey: boolean
  preventDefault(): void
}

export interface Key {
  readonly key: string
  readonly shiftKey: boolean
  readonly ctrlKey: boolean
  readonly altKey: boolean
  readonly metaKey: boolean
  preventDefault(): void
}

/** A canvas to paint on. */
export interface Context {
  fillStyle: string
  strokeStyle: string
  lineWidth: number
  globalAlpha: number
  font: string
  textAlign: 'left' | 'right' | 'center'
  textBaseline: 'middle' | 'alphabetic'
  save(): void
  restore(): void
  setTransform(a: number, b: number, c: number, d: number, e: number, f: number): void
  setLineDash(lengths: readonly number[]): void
  beginPath(): void
  rect(x: number, y: number, width: number, height: number): void
  arc(x: number, y: number, radius: number, from: number, to: number): void
  moveTo(x: number, y: number): void
  lineTo(x: number, y: number): void
  closePath(): void
  clip(): void
  fill(): void
  stroke(): void
  fillRect(x: number, y: number, width: number, height: number): void
  strokeRect(x: number, y: number, width: number, height: number): void
  clearRect(x: number, y: number, width: number, height: number): void
  fillText(text: string, x: number, y: number): void
  measureText(text: string): { readonly width: number }
}

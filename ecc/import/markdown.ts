import { fitText, type ImportEdge, type ImportItem, isoTime } from './import-item.ts'

/** A note: its path within the folder, with `/`, and its text. */
export interface MarkdownFile {
  readonly path: string
  readonly text: string
}

/** Names of a heading's key and front matter beyond these lengths are cut: they are labels. */
const SLUG_MAX_CHARS = 80
const FIELD_MAX_CHARS = 256
const FIELDS_MAX = 32
/** Links of one section; an index page with more is a list, not an argument. */
const LINKS_MAX = 32

/**
 * The notes of a folder, one memory for each section.
 *
 * - A section is a heading (`#` to `######`) with what follows it, keyed `md:<path>#<slug>` with the slug that GitHub makes;
 *   what stands before the first heading is keyed `md:<path>`. `prefix` stands for `md:` where the folder has a name. Its headings stand in meta, as `section`.
 * - `name: value` lines of the front matter become meta; its `date` is `validFrom`.
 * - A section `follows` the one before it, and is `derived-from` what it links to: `[[note]]`, `[[note#heading]]`
 *   or a relative link to a `.md` file. A link to a file means its first section. Links to elsewhere are left out.
 */
export function parseMarkdown(files: readonly MarkdownFile[], prefix: string = markdownPrefix(undefined)): ImportItem[] {
  const notes = files.map(file => ({ file, ...noteOf(file, prefix) }))
  const keys: ReadonlyMap<string, readonly string[]> = new Map(
    notes.map(({ file, sections }) => [file.path, sections.map(section => section.key)]),
  )
  return notes.flatMap(({ file, meta, validFrom, sections }) =>
    sections.map((section, i) => {
      const before = sections[i - 1]
      const links = linksOf(section.text).flatMap(link => keyOf(link, file.path, keys, prefix) ?? [])
      const derived = [...new Set(links)].filter(key => key !== section.key && key !== before?.key).slice(0, LINKS_MAX)
      const edges: ImportEdge[] = derived.map(to => ({ type: 'derived-from', to }))
      if (before !== undefined) edges.unshift({ type: 'follows', to: before.key })
      const { text, cutBytes } = fitText(section.text)
      return {
        key: section.key,
        text,
        meta: {
          ...meta,
          path: file.path,
          ...(section.trail === '' ? {} : { section: section.trail }),
          ...(cutBytes === 0 ? {} : { cut: `${cutBytes} bytes` }),
        },
        ...(validFrom === undefined ? {} : { validFrom }),
        ...(edges.length === 0 ? {} : { edges }),
      }
    }),
  )
}

/** What the keys of a folder's sections begin with. */
export function markdownPrefix(name: string | undefined): string {
  return name === undefined ? 'md:' : `md@${name}:`
}

interface Section {
  readonly key: string
  /** Headings from the outermost to this one. */
  readonly trail: string
  readonly text: string
}

interface Note {
  readonly meta: Readonly<Record<string, string>>
  readonly validFrom: string | undefined
  readonly sections: readonly Section[]
}

function noteOf(file: MarkdownFile, prefix: string): Note {
  const lines = file.text.replace(/^\ufeff/, '').split(/\r?\n/)
  const end = lines[0]?.trim() === '---' ? lines.findIndex((line, i) => i > 0 && line.trim() === '---') : -1
  const fields = end < 0 ? [] : lines.slice(1, end).flatMap(fieldOf).slice(0, FIELDS_MAX)
  const date = fields.find(([name]) => name === 'date')?.[1]
  return {
    meta: Object.fromEntries(fields),
    validFrom: date === undefined ? undefined : isoTime(date),
    sections: sectionsOf(`${prefix}${file.path}`, lines.slice(end + 1)),
  }
}

/** `name: value`; what is nested or a list is left out. */
function fieldOf(line: string): [name: string, value: string][] {
  const found = /^([A-Za-z][\w-]*):\s+(\S.*)$/.exec(line.trimEnd())
  const value = found?.[2]
    ?.replace(/^(["'])(.*)\1$/, '$2')
    .slice(0, FIELD_MAX_CHARS)
    .trimEnd()
  return found === null || value === undefined || value === '' ? [] : [[found[1] as string, value]]
}

/** @param note the key of the file */
function sectionsOf(note: string, lines: readonly string[]): Section[] {
  const sections: Section[] = []
  const slugs = new Map<string, number>()
  let trail: string[] = []
  let key = note
  let text: string[] = []
  const close = (): void => {
    const said = text.join('\n').trim()
    if (said !== '') sections.push({ key, trail: trail.filter(name => name !== '').join(' > '), text: said })
  }
  let fence: string | undefined
  for (const line of lines) {
    const mark = /^ {0,3}(```+|~~~+)/.exec(line)?.[1]
    if (mark !== undefined) {
      if (fence === undefined) fence = mark
      else if (mark.startsWith(fence)) fence = undefined
    }
    const heading = fence === undefined ? /^ {0,3}(#{1,6})\s+(.*)$/.exec(line.trimEnd()) : null
    if (heading === null) {
      text.push(line)
      continue
    }
    close()
    const [, marks = '', title = ''] = heading
    const name = title.replace(/\s#+$/, '').trim()
    trail = Array.from({ length: marks.length }, (_, level) => (level === marks.length - 1 ? name : (trail[level] ?? '')))
    key = `${note}#${uniqueSlug(name, slugs)}`
    text = [name]
  }
  close()
  return sections
}

/** As GitHub makes them: the second `Usage` of a file is `usage-1`. */
function uniqueSlug(heading: string, taken: Map<string, number>): string {
  const slug = slugOf(heading)
  const times = taken.get(slug) ?? 0
  taken.set(slug, times + 1)
  return times === 0 ? slug : `${slug}-${times}`
}

function slugOf(heading: string): string {
  const slug = heading
    .toLowerCase()
    .replace(/[^\p{L}\p{N}\p{M} _-]/gu, '')
    .trim()
    .replace(/ /g, '-')
  return [...slug].slice(0, SLUG_MAX_CHARS).join('') || 'section'
}

interface Target {
  /** Empty for the file itself. */
  readonly file: string
  readonly heading: string
  /** A wiki link names a note wherever it is; the others give a path from here. */
  readonly anywhere: boolean
}

function linksOf(text: string): Target[] {
  const wiki = [...text.matchAll(/\[\[([^\]|#\n]*)(?:#([^\]|\n]*))?(?:\|[^\]\n]*)?\]\]/g)].map(([, file = '', heading = '']) => ({
    file: file.trim(),
    heading,
    anywhere: true,
  }))
  const inline = [...text.matchAll(/\]\(<?([^()\s>#]*)(?:#([^()\s>]*))?>?(?:\s+"[^"]*")?\)/g)].flatMap(([, file = '', heading = '']) =>
    /^[a-z][a-z+.-]*:/i.test(file) || !/(^|\.md)$/i.test(file) ? [] : [{ file: decoded(file), heading: decoded(heading), anywhere: false }],
  )
  return [...wiki, ...inline]
}

function decoded(text: string): string {
  try {
    return decodeURIComponent(text)
  } catch {
    return text
  }
}

/** The key of the section a link leads to, undefined when there is none. */
function keyOf(link: Target, from: string, keys: ReadonlyMap<string, readonly string[]>, prefix: string): string | undefined {
  const path = link.file === '' ? from : link.anywhere ? named(link.file, from, [...keys.keys()]) : joined(from, link.file)
  const sections = path === undefined ? undefined : keys.get(path)
  if (sections === undefined || link.heading === '') return sections?.[0]
  return sections.find(key => key === `${prefix}${path}#${slugOf(link.heading)}`) ?? sections[0]
}

/** The note of this name: by path, in the same folder, else the one with the shortest path. */
function named(name: string, from: string, paths: readonly string[]): string | undefined {
  const file = /\.md$/i.test(name) ? name : `${name}.md`
  // A file may be called .MD, and a link does not say so.
  const plain = (path: string): string => path.replace(/\.md$/i, '.md')
  const [wanted, beside] = [plain(file), plain(joined(from, file))]
  const found = paths
    .filter(path => plain(path) === wanted || plain(path).endsWith(`/${wanted}`))
    .sort((a, b) => a.length - b.length || (a < b ? -1 : 1))
  return paths.find(path => plain(path) === beside) ?? found[0]
}

function joined(from: string, to: string): string {
  const parts = to.startsWith('/') ? [] : from.split('/').slice(0, -1)
  for (const part of to.split('/')) {
    if (part === '..') parts.pop()
    else if (part !== '.' && part !== '') parts.push(part)
  }
  return parts.join('/')
}

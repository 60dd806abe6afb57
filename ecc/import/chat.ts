import { toHex, utf8 } from '../../base/bytes.ts'
import { hash } from '../../base/crypto/hash.ts'
import { KEY_MAX_BYTES } from '../../base/limits.ts'
import { fitText, type Found, type ImportItem, isoTime } from './import-item.ts'
import { type Fields, fieldsOf, jsonValues, type ReadJson, textIn, type Value } from './json-document.ts'
import type { ImportFault } from './jsonl.ts'

/**
 * Conversations with a model, as the programs that people have them with write them down:
 *
 * - a list or JSON Lines of `{"role", "content"}`, as the interfaces of models take them, also with a time;
 * - JSON Lines of coding agents, where the message is under `message` or `payload`;
 * - exports of chat services: conversations with `chat_messages`, `messages`, or a `mapping` of which the branch is taken that was last used.
 *
 * What was said becomes a memory for each message, word by word, linked to the one before. What tools were asked and answered, and what
 * the program told the model by itself, is left out.
 *
 * A conversation without an id is known by its name and its first message: so one that has grown is the same, and another one in a
 * file of the same name is another.
 *
 * @param origin names the conversation where it has no name of its own: a file
 */
export function parseChat(text: string, origin: string): ReadJson {
  const { values, faults, unit } = jsonValues(text)
  const found: Found[] = []
  const broken: ImportFault[] = []
  const unknown: ImportFault[] = []
  /** Of each conversation: its messages so far, and the key of the last. */
  const threads = new Map<string, { count: number; last: string | undefined }>()
  /** The first of the messages that stand by themselves and name no conversation: together they are one. */
  let opening: Message | undefined
  for (const read of values) {
    const parts = conversationOf(read)
    if (parts === undefined) {
      const list = fieldsOf(read.value) === undefined ? broken : unknown
      list.push({ line: read.line, code: 'import_invalid', message: 'neither a message nor a conversation' })
    }
    for (const { id: given, title, messages, isWhole } of parts ?? []) {
      const [first] = messages
      if (first === undefined) continue
      const id = given ?? nameOf(title ?? origin, isWhole ? first : (opening ??= first))
      const thread = threads.get(id) ?? { count: 0, last: undefined }
      threads.set(id, thread)
      for (const message of messages) {
        thread.count++
        const item = itemOf(message, id, title, thread.count, thread.last)
        if (item === undefined) continue
        found.push({ line: read.line, item })
        thread.last = item.key
      }
    }
  }
  // A program writes down more than messages, all of it objects: only where nothing at all was understood is such a one a fault.
  return { found, faults: [...faults, ...broken, ...(found.length > 0 ? [] : unknown)], unit }
}

interface Conversation {
  readonly id: string | undefined
  readonly title: string | undefined
  readonly messages: readonly Message[]
  /** It is all there, not a message of one. */
  readonly isWhole: boolean
}

interface Message {
  readonly id: string | undefined
  readonly role: string
  readonly text: string
  readonly at: string | undefined
}

/** What people and models say; `system`, `developer` and `tool` are told by programs. */
const ROLES: ReadonlyMap<string, string> = new Map([
  ['user', 'user'],
  ['human', 'user'],
  ['assistant', 'assistant'],
  ['ai', 'assistant'],
  ['model', 'assistant'],
])

/** @returns undefined for what is neither a conversation nor anything that a program writes beside one */
function conversationOf({ value }: Value): readonly Conversation[] | undefined {
  const fields = fieldsOf(value)
  if (fields === undefined) return undefined
  const title = textIn(fields, 'title', 'name')
  const id = textIn(fields, 'uuid', 'conversation_id', 'id')
  const list = fields['chat_messages'] ?? fields['messages']
  if (Array.isArray(list)) return [{ id, title, messages: list.flatMap(one => messageOf(fieldsOf(one))), isWhole: true }]
  const mapping = fieldsOf(fields['mapping'])
  if (mapping !== undefined) return [{ id, title, messages: branchOf(mapping, textIn(fields, 'current_node')), isWhole: true }]
  const inner = fieldsOf(fields['message']) ?? fieldsOf(fields['payload']) ?? fields
  const messages = fields['isMeta'] === true ? [] : messageOf({ ...inner, ...timesOf(fields), uuid: fields['uuid'] ?? inner['id'] })
  const isKnown = messages.length > 0 || 'role' in inner || typeof fields['type'] === 'string'
  return isKnown ? [{ id: textIn(fields, 'sessionId', 'session_id'), title: undefined, messages, isWhole: false }] : undefined
}

/** The messages from the first to `last`, which are each other's parents. */
function branchOf(mapping: Fields, last: string | undefined): readonly Message[] {
  const branch: Message[] = []
  const seen = new Set<string>()
  for (let at = last; at !== undefined && !seen.has(at); ) {
    seen.add(at)
    const node = fieldsOf(mapping[at])
    const message = fieldsOf(node?.['message'])
    if (message !== undefined) branch.unshift(...messageOf({ ...message, role: fieldsOf(message['author'])?.['role'] }))
    at = textIn(node, 'parent')
  }
  return branch
}

function messageOf(fields: Fields | undefined): readonly Message[] {
  const role = ROLES.get(textIn(fields, 'role', 'sender') ?? '')
  const text = wordsOf(fields?.['content'] ?? fields?.['text']) || (textIn(fields, 'text') ?? '')
  if (fields === undefined || role === undefined || text.trim() === '') return []
  return [{ id: textIn(fields, 'uuid', 'id'), role, text: text.trim(), at: timeOf(fields) }]
}

/** The words of a message: text, or parts of which some are text. */
function wordsOf(content: unknown): string {
  if (typeof content === 'string') return content
  if (Array.isArray(content))
    return content
      .map(wordsOf)
      .filter(words => words !== '')
      .join('\n\n')
  const fields = fieldsOf(content)
  if (fields === undefined) return ''
  const type = textIn(fields, 'type', 'content_type') ?? 'text'
  if (!/(^|_)(text)$/.test(type)) return ''
  return fields['parts'] === undefined ? (textIn(fields, 'text') ?? '') : wordsOf(fields['parts'])
}

const TIMES = ['timestamp', 'created_at', 'create_time', 'time'] as const

function timesOf(fields: Fields): Fields {
  return Object.fromEntries(TIMES.filter(name => name in fields).map(name => [name, fields[name]]))
}

/** Text as ISO 8601, or seconds since 1970. */
function timeOf(fields: Fields): string | undefined {
  for (const name of TIMES) {
    const value = fields[name]
    if (typeof value === 'string') return isoTime(value)
    if (typeof value === 'number' && value > 0 && value < 1e11) return new Date(Math.round(value * 1000)).toISOString()
  }
  return undefined
}

/** 256 bytes of a title say which conversation it was. */
const TITLE_MAX_BYTES = 256

function itemOf(
  { id, role, text, at }: Message,
  conversation: string,
  title: string | undefined,
  number: number,
  before: string | undefined,
): ImportItem | undefined {
  const key = keyOf(conversation, id ?? String(number))
  if (key === before) return undefined
  const fitted = fitText(text)
  return {
    key,
    text: fitted.text,
    meta: {
      role,
      conversation: fitText(title ?? conversation, TITLE_MAX_BYTES).text,
      ...(fitted.cutBytes === 0 ? {} : { cut: `${fitted.cutBytes} bytes` }),
    },
    ...(at === undefined ? {} : { validFrom: at }),
    ...(before === undefined ? {} : { edges: [{ type: 'follows', to: before }] }),
  }
}

/** 8 hex digits tell conversations of one name apart. */
const OPENING_HEX_CHARS = 8

function nameOf(name: string, { role, text }: Message): string {
  return `${name}#${toHex(hash('content', utf8(`${role}\n${text}`))).slice(0, OPENING_HEX_CHARS)}`
}

function keyOf(conversation: string, message: string): string {
  const key = `chat:${conversation}/${message}`
  return utf8(key).length <= KEY_MAX_BYTES / 2 ? key : `chat:#${toHex(hash('content', utf8(key))).slice(0, 32)}`
}

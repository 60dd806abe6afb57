import type { Command } from 'commander'
import { WeftError } from '../base/errors.ts'

/** An error about a field of a command's input, in the words of the command line: the flag or operand that the field came from. */
export function inFlags(error: WeftError, command: Command): WeftError {
  const path = error.details?.['path']
  if (error.code !== 'invalid_argument' || typeof path !== 'string' || !error.message.startsWith(`${path}: `)) return error
  for (const field of path.split('.').reverse()) {
    const flag = flagOf(field, command)
    // A flag takes a duration with its unit; the field counts milliseconds.
    const unit = field.endsWith('Ms') ? ' ms' : ''
    if (flag === undefined) continue
    const reason = error.message.slice(path.length + 2).replace(/^((?:at most|at least|above|below) \d+)/, `$1${unit}`)
    return new WeftError(error.code, `${flag}: ${reason}`, { ...(error.next === undefined ? {} : { next: error.next }), cause: error })
  }
  return error
}

/** Fields whose flags are called otherwise. */
const OTHERWISE: Readonly<Record<string, readonly string[]>> = { edges: ['follows', 'causes'], upTo: ['ack'] }

/** `expand.types` is `--type`, `budgetMs` is `--budget`. */
function flagOf(field: string, { options, registeredArguments }: Command): string | undefined {
  const names = [field, field.replace(/(Ms|Id|s)$/, ''), ...(OTHERWISE[field] ?? [])]
  const found = options.filter(one => names.includes(one.attributeName()))
  if (found.length > 0) return found.map(({ long, short }) => long ?? short).join(' or ')
  const operand = registeredArguments.find(one => names.includes(one.name()))
  return operand === undefined ? undefined : `<${operand.name()}>`
}

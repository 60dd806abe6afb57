import { type ErrorCode, WeftError } from '../../base/errors.ts'

/** What libp2p reports, in the words of our error table. */

/** Why a dial failed. One address at which another key answered is worth more than ten where nobody did. */
export function dialFailure(thrown: unknown): ErrorCode {
  return messagesOf(thrown).some(message => message.includes('does not match expected remote identity key')) ? 'impostor' : 'unreachable'
}

export function listenFailure(thrown: unknown, listen: readonly string[]): WeftError {
  const message = messagesOf(thrown).join('; ')
  const isTaken = message.includes('EADDRINUSE')
  const what = isTaken ? 'another process listens on one of' : 'cannot listen on'
  return new WeftError(isTaken ? 'port_in_use' : 'config_invalid', `${what} ${listen.join(', ')}`, { cause: thrown })
}

function messagesOf(thrown: unknown): string[] {
  if (thrown instanceof AggregateError) return thrown.errors.flatMap(messagesOf)
  return [thrown instanceof Error ? thrown.message : String(thrown)]
}

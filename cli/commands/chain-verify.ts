import type { Verification } from '../../chain/verify.ts'
import { action, type Define } from '../invocation.ts'
import { plural, short, table } from '../text.ts'
import { verifyIn } from '../verify-in.ts'

export const define: Define = command =>
  command
    .option('--all', 'list also the logs of other nodes that are kept here')
    .addHelpText('after', '\nAll logs are in one journal: damage anywhere in it is reported, whosever log it hit.')
    .action(
      action(async (cli, _, { all }: { readonly all?: boolean }) => {
        const verified = await verifyIn(cli.dir, all === true)
        // What the damage hid is said to be unknown, not left out.
        cli.print(verified.valid ? verified : { ...verified, log: verified.log ?? null, seq: verified.seq ?? null }, () => render(verified))
        return verified.valid ? 0 : 1
      }),
    )

function render(verified: Verification): string {
  if (!verified.valid) {
    const { log, seq, reason, file, offset } = verified
    const record = log === undefined ? '' : `record ${seq ?? '?'} of log ${log}: `
    return `damaged: ${record}${reason}\n  ${file} at byte ${offset}`
  }
  const rows = verified.logs.map(({ logId, author, stream, size, signed, erased, root }) => [
    short(logId),
    short(author),
    stream,
    String(size),
    String(signed),
    String(erased),
    short(root),
  ])
  return `${table(['log', 'author', 'stream', 'size', 'signed', 'erased', 'root'], rows, 'no logs')}\n\nvalid: ${plural(verified.logs.length, 'log')}, every byte of them`
}

import { down, heal, kill, type LocalNode, partition, restart, statusOf, up } from '../cluster/local-cluster.ts'
import { action, type Define } from '../invocation.ts'
import { commaList, positive } from '../parse.ts'
import { table } from '../text.ts'

export const defineUp: Define = command =>
  command
    .option('-n <count>', 'how many nodes (default: those there are, or 3)', positive)
    .addHelpText('after', '\nThe nodes are --dir DIR/n1, DIR/n2... A second `up` starts those that do not run.')
    .action(
      action(async (cli, _, { n }: { readonly n?: number }) => {
        const nodes = await up(cli.dir, n, step => cli.progress.update(() => step))
        cli.progress.done()
        cli.print({ nodes }, renderNodes)
      }),
    )

export const defineStatus: Define = command =>
  command.action(action(async cli => cli.print({ nodes: await statusOf(cli.dir) }, renderNodes)))

export const defineDown: Define = command =>
  command.option('--purge', 'and delete their directories').action(
    action(async (cli, _, { purge }: { readonly purge?: boolean }) => {
      const stopped = await down(cli.dir, purge === true)
      cli.print({ stopped, purged: purge === true }, () => (stopped.length === 0 ? 'nothing was running' : `stopped ${stopped.join(', ')}`))
    }),
  )

export const definePartition: Define = command =>
  command
    .argument('<groups...>', 'nodes that stay connected, with commas between them: n1,n2 n3')
    .addHelpText('after', '\nNodes in no group form one more: `partition n1` cuts n1 off from all others. It holds across restarts.')
    .action(
      action(async (cli, [groups]: readonly [readonly string[]]) => {
        cli.print({ groups: await partition(cli.dir, groups.map(commaList)) }, document =>
          document.groups.map(group => group.join(' ')).join('  |  '),
        )
      }),
    )

export const defineHeal: Define = command =>
  command.action(
    action(async cli => {
      cli.print({ healed: await heal(cli.dir) }, ({ healed }) => healed.join(' '))
    }),
  )

export const defineKill: Define = command =>
  command
    .argument('<name>', 'n1, n2...')
    .action(
      action(async (cli, [name]: readonly [string]) =>
        cli.print(await kill(cli.dir, name), ({ osPid }) => `killed ${name} (process ${osPid})`),
      ),
    )

export const defineRestart: Define = command =>
  command
    .argument('<name>', 'n1, n2...')
    .action(
      action(async (cli, [name]: readonly [string]) => cli.print(await restart(cli.dir, name), node => renderNodes({ nodes: [node] }))),
    )

function renderNodes({ nodes }: { readonly nodes: readonly LocalNode[] }): string {
  const rows = nodes.map(node => [
    node.name,
    node.ready ? 'running' : 'stopped',
    node.nodeId,
    node.osPid === null ? '-' : String(node.osPid),
    node.http ?? '-',
    `--dir ${node.dir}`,
  ])
  return table(['name', 'state', 'node', 'process', 'control', 'directory'], rows, 'no nodes: weft cluster up')
}

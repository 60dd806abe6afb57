import { resolve } from 'node:path'
import { action, type Define } from '../invocation.ts'

export const define: Define = command =>
  command
    .argument('<file>', 'a module: file.js for its default export, file.js#name for another')
    .option('--name <name>', 'what others can call it by')
    .action(
      action(async (cli, [file]: readonly [string], { name }: { readonly name?: string }) => {
        cli.print(await cli.request('process.spawn', { path: absolute(file), name }), ({ address }) => address)
      }),
    )

/** As seen from here: the node may run in another folder. */
function absolute(file: string): string {
  const cut = file.lastIndexOf('#')
  return cut < 0 ? resolve(file) : resolve(file.slice(0, cut)) + file.slice(cut)
}

import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import type { Test } from 'tap'

/**
 * A package in the place of `@huggingface/transformers`, with as much of its face as is used. Its vectors say of a text how
 * often each of 16 letters is in it; some texts make it fail in the ways of a model.
 */
const STAND_IN = `
import { existsSync } from 'node:fs'
import { join } from 'node:path'
export const env = { allowRemoteModels: true, allowLocalModels: false, localModelPath: '' }
export async function pipeline(task, model, { dtype = 'fp32' } = {}) {
  if (task !== 'feature-extraction') throw new Error('unknown task')
  if (env.allowRemoteModels || !env.allowLocalModels) throw new Error('it would have gone to the network')
  const file = join(env.localModelPath, model, 'onnx', dtype === 'q8' ? 'model_quantized.onnx' : 'model.onnx')
  if (!existsSync(file)) throw new Error('file was not found locally at "' + file + '"')
  return async (texts, { pooling, normalize }) => {
    if (!normalize) throw new Error('not normalised')
    let length = 16
    for (const text of texts) {
      if (text === 'crash') process.exit(7)
      if (text === 'hang') for (;;);
      if (text === 'throw') throw new Error('the model refuses')
      if (text === 'short') length = 15
    }
    const rows = texts.map(text => Array.from({ length }, (_, i) => 0.01 + [...text].filter(letter => letter.codePointAt(0) % 16 === i).length))
    const first = pooling === 'cls' ? -1 : 1
    const data = Float32Array.from(rows.flatMap(row => { const norm = Math.hypot(...row); return row.map((x, i) => (i === 0 ? first : 1) * x / norm) }))
    return { dims: [texts.length, length], data }
  }
}
`

export interface StandIn {
  /** The folder in whose `node_modules` the package is. */
  readonly near: string
  /** The folder of models; one is called `letters`. */
  readonly path: string
}

export function transformersStandIn(t: Pick<Test, 'teardown'>): StandIn {
  const near = mkdtempSync(join(tmpdir(), 'weft-transformers-'))
  t.teardown(() => rmSync(near, { recursive: true, force: true }))
  installStandIn(near)
  const path = join(near, 'models')
  mkdirSync(join(path, 'letters', 'onnx'), { recursive: true })
  writeFileSync(join(path, 'letters', 'onnx', 'model.onnx'), '')
  return { near, path }
}

export function installStandIn(near: string): void {
  const folder = join(near, 'node_modules', '@huggingface', 'transformers')
  mkdirSync(folder, { recursive: true })
  writeFileSync(
    join(folder, 'package.json'),
    JSON.stringify({
      name: '@huggingface/transformers',
      version: '0.0.0',
      type: 'module',
      exports: { '.': { node: { import: './index.js', require: './index.js' } } },
    }),
  )
  writeFileSync(join(folder, 'index.js'), STAND_IN)
}

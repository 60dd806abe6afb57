import { existsSync } from 'node:fs'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { pathToFileURL } from 'node:url'

/**
 * A process of its own in which transformers.js runs a model: neither its computing nor its crashes
 * are the node's. Started by `transformers-embedder.ts`, which says first what to load; ends with it.
 */
export interface ToLoad {
  readonly kind: 'load'
  /** The folder that holds models, each in a folder of its name. */
  readonly path: string
  readonly model: string
  readonly pooling: 'mean' | 'cls' | 'last_token'
  /** Which of the model's files, `q8` for `model_quantized.onnx`; the package's own choice when empty. */
  readonly dtype: string
  /** A folder whose `node_modules`, or those above it, may hold the package. */
  readonly near: string
}

export interface ToEmbed {
  readonly kind: 'embed'
  readonly texts: readonly string[]
}

export type FromChild =
  | { readonly kind: 'loaded' }
  | { readonly kind: 'embedded'; readonly vectors: readonly Float32Array[] }
  /** `missing`: it will not be there the next time either. */
  | { readonly kind: 'failed'; readonly missing: boolean; readonly message: string; readonly next?: string }

/** As much of the package as is used. */
interface Transformers {
  readonly env: { allowRemoteModels: boolean; allowLocalModels: boolean; localModelPath: string }
  pipeline(task: 'feature-extraction', model: string, options: { readonly dtype?: string }): Promise<Extractor>
}

type Extractor = (
  texts: readonly string[],
  options: { readonly pooling: 'mean' | 'cls' | 'last_token'; readonly normalize: true },
) => Promise<{ readonly dims: readonly number[]; readonly data: ArrayLike<number> }>

const PACKAGE = '@huggingface/transformers'

let extract: ((texts: readonly string[]) => Promise<readonly Float32Array[]>) | undefined

process.on('message', (message: ToLoad | ToEmbed) => void (message.kind === 'load' ? load(message) : embed(message)))
process.on('disconnect', () => process.exit())

async function load({ path, model, pooling, dtype, near }: ToLoad): Promise<void> {
  const found = await findPackage(near)
  if (found === undefined) return missing(`${PACKAGE} is not installed`, `npm install ${PACKAGE}, beside weftmesh or in ${near}`)
  if (!existsSync(join(path, model)))
    return missing(
      `there is no model ${join(path, model)}`,
      'put its files there (config.json, tokenizer.json, onnx/model.onnx), or correct embedder_path',
    )
  try {
    const { env, pipeline } = found
    env.allowRemoteModels = false // What a node sends out, and what it runs, is not a package's to decide.
    env.allowLocalModels = true
    env.localModelPath = path
    const extractor = await pipeline('feature-extraction', model, dtype === '' ? {} : { dtype })
    extract = async texts => {
      const { dims, data } = await extractor(texts, { pooling, normalize: true })
      const [count = 0, length = 0] = dims
      return Array.from({ length: count }, (_, i) => Float32Array.from(Array.prototype.slice.call(data, i * length, (i + 1) * length)))
    }
    tell({ kind: 'loaded' })
  } catch (thrown) {
    missing(
      `the model ${join(path, model)} cannot be loaded: ${messageOf(thrown)}`,
      'check its files, and embedder_dtype, which chooses among them',
    )
  }
}

/** Where weft is installed, or else near the node. */
async function findPackage(near: string): Promise<Transformers | undefined> {
  try {
    return (await import(PACKAGE)) as Transformers
  } catch (thrown) {
    if ((thrown as NodeJS.ErrnoException).code !== 'ERR_MODULE_NOT_FOUND') throw thrown
  }
  let file: string
  try {
    file = createRequire(join(near, 'node')).resolve(PACKAGE)
  } catch {
    return undefined
  }
  return (await import(pathToFileURL(file).href)) as Transformers
}

async function embed({ texts }: ToEmbed): Promise<void> {
  try {
    if (extract === undefined) throw new Error('no model is loaded')
    tell({ kind: 'embedded', vectors: await extract(texts) })
  } catch (thrown) {
    tell({ kind: 'failed', missing: false, message: messageOf(thrown) })
  }
}

function missing(message: string, next: string): void {
  tell({ kind: 'failed', missing: true, message, next })
}

function tell(message: FromChild): void {
  process.send?.(message)
}

function messageOf(thrown: unknown): string {
  return thrown instanceof Error ? thrown.message : String(thrown)
}

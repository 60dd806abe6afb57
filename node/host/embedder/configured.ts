import { resolve } from 'node:path'
import { WeftError } from '../../../base/errors.ts'
import type { Clock, Logger, Random } from '../../../base/ports.ts'
import { hashEmbedder768 } from '../../../ecc/hash-embedder.ts'
import type { Config } from '../../config.ts'
import type { HostEmbedder, Prefixes } from './host-embedder.ts'
import { servedModel } from './served-model.ts'
import { openAiEmbedder } from './openai-embedder.ts'
import { transformersEmbedder } from './transformers-embedder.ts'

export interface EmbedderPorts {
  readonly clock: Clock
  readonly random: Random
  readonly log: Logger
  readonly environment: Readonly<Record<string, string | undefined>>
  /** The node directory: paths start there, and packages may be near it. */
  readonly dir: string
}

/**
 * The embedder that a node's settings ask for, undefined for none. Nothing is asked of it yet.
 *
 * @throws WeftError `config_invalid` when it cannot work with these settings
 */
export function configuredEmbedder(config: Config, { clock, random, log, environment, dir }: EmbedderPorts): HostEmbedder | undefined {
  const kind = config.embedder.value
  if (kind === 'none') return undefined
  if (kind === 'builtin') return { ...hashEmbedder768, close: () => {} }
  const needed = ['embedderModel', 'embedderDims', kind === 'openai' ? 'embedderUrl' : 'embedderPath'] as const
  for (const name of needed) if (config[name].value === '' || config[name].value === 0) throw absent(kind, name)
  const prefixes: Prefixes = { document: config.embedderDocumentPrefix.value, query: config.embedderQueryPrefix.value }
  const common = {
    model: config.embedderModel.value,
    dims: config.embedderDims.value,
    timeoutMs: config.embedderTimeoutMs.value,
    prefixes,
    log,
  }
  if (kind === 'openai') {
    const key = keyIn(environment, config.embedderKeyEnv.value)
    if (key !== undefined && isInClear(config.embedderUrl.value)) log('warn', 'embedder.key-in-clear', { url: config.embedderUrl.value })
    return openAiEmbedder({
      ...common,
      url: config.embedderUrl.value,
      sendDims: config.embedderSendDims.value === 'on',
      key,
      served: id => servedModel(dir, id),
      clock,
      random,
    })
  }
  const path = resolve(dir, config.embedderPath.value)
  return transformersEmbedder({ ...common, path, pooling: config.embedderPooling.value, dtype: config.embedderDtype.value, near: dir })
}

/** Whoever is on the way can read what is sent. */
function isInClear(url: string): boolean {
  return /^http:/i.test(url) && !/^http:\/\/(localhost|127\.[0-9.]+|\[::1\])([:/]|$)/i.test(url)
}

const NAMES = { embedderModel: 'embedder_model', embedderDims: 'embedder_dims', embedderUrl: 'embedder_url', embedderPath: 'embedder_path' }

function absent(kind: string, name: keyof typeof NAMES): WeftError {
  const key = NAMES[name]
  const next =
    name === 'embedderDims' ? 'say how many numbers the model gives: its documentation names them as its dimensions' : `set ${key}`
  return new WeftError('config_invalid', `embedder = "${kind}" needs ${key}`, { next, details: { key } })
}

function keyIn(environment: EmbedderPorts['environment'], variable: string): string | undefined {
  if (variable === '') return undefined
  const key = environment[variable]?.trim()
  if (key !== undefined && key !== '') {
    if (/^[!-~]+$/.test(key)) return key
    throw new WeftError('config_invalid', `what ${variable} holds cannot be sent as a key`, { next: `set ${variable} to the key alone` })
  }
  throw new WeftError('config_invalid', `embedder_key_env names ${variable}, which is not set`, {
    next: `set ${variable}, or leave embedder_key_env out`,
  })
}

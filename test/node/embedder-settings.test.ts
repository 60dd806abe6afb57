import t from 'tap'
import type { Logger } from '../../base/ports.ts'
import { type ConfigValues, resolveConfig, settingsOf } from '../../node/config.ts'
import { hostClock } from '../../node/host/clock.ts'
import { configuredEmbedder } from '../../node/host/embedder/configured.ts'
import type { HostEmbedder } from '../../node/host/embedder/host-embedder.ts'
import { hostRandom } from '../../node/host/random.ts'

type Environment = Readonly<Record<string, string>>

function configured(file: string, environment: Environment = {}, flags: ConfigValues = {}): HostEmbedder | undefined {
  const ports = { clock: hostClock, random: hostRandom, log: () => {}, environment, dir: '/nowhere' }
  return configuredEmbedder(resolveConfig(flags, environment, file), ports)
}

const OLLAMA =
  '[memory]\nembedder = "openai"\nembedder_url = "http://127.0.0.1:11434/v1"\nembedder_model = "nomic-embed-text"\nembedder_dims = 768\n'
const LOCAL =
  '[memory]\nembedder = "transformers"\nembedder_path = "models"\nembedder_model = "Xenova/all-MiniLM-L6-v2"\nembedder_dims = 384\n'

t.test('an embedder is what the settings say, from flags, environment and file', async t => {
  const rows: readonly (readonly [what: string, id: string | undefined, file: string, environment?: Environment, flags?: ConfigValues])[] =
    [
      ['nothing unless it is said', undefined, ''],
      ['none', undefined, '[memory]\nembedder = "none"\n'],
      ['the built-in one', 'builtin:hash-768', '[memory]\nembedder = "builtin"\n'],
      ['a server', 'openai:nomic-embed-text:768', OLLAMA],
      ['a model here', 'transformers:Xenova/all-MiniLM-L6-v2:384', LOCAL],
      ['the environment goes before the file', 'openai:other:512', OLLAMA, { WEFT_EMBEDDER_MODEL: 'other', WEFT_EMBEDDER_DIMS: '512' }],
      [
        'a flag goes before both',
        'openai:third:512',
        OLLAMA,
        { WEFT_EMBEDDER_MODEL: 'other' },
        { embedderModel: 'third', embedderDims: 512 },
      ],
      ['an address makes no difference', 'openai:nomic-embed-text:768', OLLAMA.replace('127.0.0.1', '192.0.2.1')],
      ['a key that is there', 'openai:nomic-embed-text:768', `${OLLAMA}embedder_key_env = "MY_KEY"\n`, { MY_KEY: ' secret ' }],
    ]
  for (const [what, id, file, environment, flags] of rows) {
    const embedder = configured(file, environment, flags)
    t.equal(embedder?.id, id, what)
    embedder?.close()
  }
})

t.test('what would not work is said before a node starts, and never with a key in it', async t => {
  const rows: readonly (readonly [file: string, says: RegExp, environment?: Environment])[] = [
    ['embedder = "openai"\n', /^embedder \(weft\.toml line 1\): there is no such setting; .*memory\.embedder,/],
    ['[memory]\nname = "n1"\n', /^memory\.name \(weft\.toml line 2\): there is no such setting/],
    ['[memory]\nurl = "http://127.0.0.1"\n', /^memory\.url \(weft\.toml line 2\): there is no such setting; .*memory\.embedder_url/],
    ['memory = "large"\n', /^memory \(weft\.toml line 1\): there is no such setting/],
    ['[memory]\nembedder = "magic"\n', /^memory\.embedder \(weft\.toml line 2\)/],
    ['[memory]\nembedder = "openai"\n', /^embedder = "openai" needs embedder_model/],
    [OLLAMA.replace(/embedder_dims.*/, ''), /needs embedder_dims/],
    [OLLAMA.replace(/embedder_url.*/, ''), /needs embedder_url/],
    [LOCAL.replace(/embedder_path.*/, ''), /needs embedder_path/],
    [OLLAMA.replace('768', '0'), /^memory\.embedder_dims \(weft\.toml line 5\)/],
    [OLLAMA.replace('768', '5000'), /^memory\.embedder_dims .*4096 or less/],
    [OLLAMA.replace('768', '"many"'), /^memory\.embedder_dims/],
    [OLLAMA.replace('http:', 'ftp:'), /neither http nor https/],
    [OLLAMA.replace('//', '//me:secret-word@'), /a user or a password/],
    [OLLAMA.replace('nomic-embed-text', 'nomic embed'), /^memory\.embedder_model/],
    [`${OLLAMA}embedder_key_env = "MY_KEY"\n`, /MY_KEY, which is not set/],
    [`${OLLAMA}embedder_key_env = "MY_KEY"\n`, /cannot be sent as a key/, { MY_KEY: 'secret-word\nX-More: 1' }],
    [`${OLLAMA}embedder_key_env = "sk-secret-word!"\n`, /^memory\.embedder_key_env .*the name of an environment variable/],
  ]
  for (const [file, says, environment] of rows) {
    try {
      configured(file, environment)
      t.fail(`accepted: ${file}`)
    } catch (thrown) {
      t.match(thrown, { code: 'config_invalid', message: says }, file)
      if (environment !== undefined) t.notMatch(JSON.stringify(thrown), /secret-word/)
    }
  }
})

t.test('a key that goes through the network in clear is warned of', async t => {
  for (const [url, warned] of [
    ['http://127.0.0.1:11434/v1', false],
    ['http://localhost/v1', false],
    ['http://[::1]:80/v1', false],
    ['https://example.org/v1', false],
    ['http://192.0.2.1/v1', true],
    ['http://localhost.example.org/v1', true],
  ] as const) {
    const logged: string[] = []
    const file = `${OLLAMA.replace('http://127.0.0.1:11434/v1', url)}embedder_key_env = "MY_KEY"\n`
    const environment = { MY_KEY: 'secret' }
    const log: Logger = (_, event) => logged.push(event)
    configuredEmbedder(resolveConfig({}, {}, file), { clock: hostClock, random: hostRandom, log, environment, dir: '/nowhere' })?.close()
    t.same(logged, warned ? ['embedder.key-in-clear'] : [], url)
  }
})

t.test('settings of embedders are shown where there is one', async t => {
  const names = (file: string): string[] => settingsOf(resolveConfig({}, {}, file)).map(({ setting }) => setting)
  t.same(
    names('').filter(name => name.startsWith('embedder')),
    ['embedder'],
  )
  t.match(
    settingsOf(resolveConfig({}, {}, OLLAMA)).find(({ setting }) => setting === 'embedderDims'),
    { value: '768', from: 'weft.toml line 5' },
  )
})

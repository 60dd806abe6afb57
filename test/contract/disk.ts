import type { Test } from 'tap'
import { concatBytes, EMPTY, utf8 } from '../../base/bytes.ts'
import type { Disk, DiskResult } from '../../base/ports.ts'
import fc from '../properties.ts'
import { answered, type Bench, codeOf, started, valueOf } from './answer.ts'

/**
 * What every `Disk` does, apart from crashes: those need a disk that can have them.
 *
 * @param runs random sequences of 1,000 operations to compare with a model
 */
export function diskContract(t: Test, name: string, runs: number, make: () => Bench<Disk>): void {
  const test = (sentence: string, body: (t: Test, bench: Bench<Disk>, disk: Disk) => Promise<void>): void => {
    t.test(`${name}: ${sentence}`, async t => {
      const bench = make()
      await body(t, bench, bench.port)
      await bench.close()
    })
  }

  test('an append makes the file and answers where its bytes begin', async (t, bench, disk) => {
    t.equal(await valueOf<number>(bench, done => disk.append('a', utf8('hello'), done)), 0)
    t.equal(await valueOf<number>(bench, done => disk.append('a', utf8(' world'), done)), 5)
    t.equal(await valueOf<number>(bench, done => disk.append('a', EMPTY, done)), 11)
    t.equal(await valueOf<number>(bench, done => disk.size('a', done)), 11)
    t.same(await valueOf<Uint8Array>(bench, done => disk.read('a', 0, 100, done)), utf8('hello world'))
    t.equal(await valueOf<number>(bench, done => disk.append('empty', EMPTY, done)), 0)
    t.equal(await valueOf<number>(bench, done => disk.size('empty', done)), 0)
  })

  test('a read stops at the end of the file', async (t, bench, disk) => {
    await valueOf(bench, done => disk.append('a', utf8('0123456789'), done))
    const cases: readonly (readonly [offset: number, length: number, text: string])[] = [
      [0, 10, '0123456789'],
      [0, 4, '0123'],
      [3, 4, '3456'],
      [8, 2, '89'],
      [8, 3, '89'],
      [9, 1000, '9'],
      [10, 1, ''],
      [11, 1, ''],
      [1000, 1000, ''],
      [4, 0, ''],
      [0, Number.MAX_SAFE_INTEGER, '0123456789'],
    ]
    for (const [offset, length, text] of cases) {
      const bytes = await valueOf<Uint8Array>(bench, done => disk.read('a', offset, length, done))
      t.equal(bytes.constructor, Uint8Array)
      t.same(bytes, utf8(text), `${length} bytes at ${offset}`)
    }
  })

  test("what a read gave is the reader's own", async (t, bench, disk) => {
    await valueOf(bench, done => disk.append('a', utf8('original'), done))
    const bytes = await valueOf<Uint8Array>(bench, done => disk.read('a', 0, 8, done))
    bytes.fill(0)
    t.same(await valueOf<Uint8Array>(bench, done => disk.read('a', 0, 8, done)), utf8('original'))
  })

  test('an append has taken its bytes when it is answered', async (t, bench, disk) => {
    const bytes = utf8('first')
    await valueOf(bench, done => disk.append('a', bytes, done))
    bytes.fill(0)
    await valueOf(bench, done => disk.sync('a', done))
    t.same(await valueOf<Uint8Array>(bench, done => disk.read('a', 0, 5, done)), utf8('first'))
  })

  test('a megabyte goes in and comes out', async (t, bench, disk) => {
    const bytes = Uint8Array.from({ length: 1 << 20 }, (_, i) => (i * 31) >>> 3)
    for (const offset of [0, bytes.length]) t.equal(await valueOf<number>(bench, done => disk.append('a', bytes, done)), offset)
    await valueOf(bench, done => disk.sync('a', done))
    t.ok(Buffer.from(bytes).equals(await valueOf<Uint8Array>(bench, done => disk.read('a', bytes.length, 1 << 21, done))))
  })

  test('an operation on a file that is not there says missing', async (t, bench, disk) => {
    t.equal(await codeOf(bench, done => disk.read('a', 0, 1, done)), 'missing')
    t.equal(await codeOf(bench, done => disk.size('a', done)), 'missing')
    t.equal(await codeOf(bench, done => disk.sync('a', done)), 'missing')
    t.equal(await codeOf(bench, done => disk.truncate('a', 0, done)), 'missing')
    t.equal(await codeOf(bench, done => disk.rename('a', 'b', done)), 'missing')
    t.equal(await codeOf(bench, done => disk.read('absent/folder/a', 0, 1, done)), 'missing')
    t.same(await valueOf(bench, done => disk.list('', done)), [], 'and none of them made one')
  })

  test('a truncated file is appended to where it ends now', async (t, bench, disk) => {
    await valueOf(bench, done => disk.append('a', utf8('0123456789'), done))
    await valueOf(bench, done => disk.truncate('a', 4, done))
    t.equal(await valueOf<number>(bench, done => disk.append('a', utf8('xy'), done)), 4)
    t.same(await valueOf<Uint8Array>(bench, done => disk.read('a', 0, 100, done)), utf8('0123xy'))
    await valueOf(bench, done => disk.truncate('a', 6, done))
    t.equal(await codeOf(bench, done => disk.truncate('a', 7, done)), 'failed', 'it does not grow')
    await valueOf(bench, done => disk.truncate('a', 0, done))
    t.equal(await valueOf<number>(bench, done => disk.size('a', done)), 0)
  })

  test('a rename replaces its target, and what follows meets the new file', async (t, bench, disk) => {
    await valueOf(bench, done => disk.append('old', utf8('old content'), done))
    await valueOf(bench, done => disk.append('new', utf8('new'), done))
    await valueOf(bench, done => disk.rename('new', 'old', done))
    t.same(await valueOf(bench, done => disk.list('', done)), ['old'])
    t.equal(await valueOf<number>(bench, done => disk.append('old', utf8('er'), done)), 3)
    t.same(await valueOf<Uint8Array>(bench, done => disk.read('old', 0, 100, done)), utf8('newer'))
    t.equal(await valueOf<number>(bench, done => disk.append('new', utf8('again'), done)), 0)
    await valueOf(bench, done => disk.rename('old', 'folder/inner/moved', done))
    t.same(await valueOf<Uint8Array>(bench, done => disk.read('folder/inner/moved', 0, 100, done)), utf8('newer'))
    t.equal(await codeOf(bench, done => disk.rename('new', 'new', done)), 'ok', 'onto itself')
    t.same(await valueOf<Uint8Array>(bench, done => disk.read('new', 0, 100, done)), utf8('again'))
  })

  test('a removed file is gone, and removing it again is no error', async (t, bench, disk) => {
    await valueOf(bench, done => disk.append('a', utf8('x'), done))
    t.equal(await codeOf(bench, done => disk.remove('a', done)), 'ok')
    t.equal(await codeOf(bench, done => disk.read('a', 0, 1, done)), 'missing')
    t.equal(await codeOf(bench, done => disk.remove('a', done)), 'ok')
    t.equal(await codeOf(bench, done => disk.remove('absent/folder/a', done)), 'ok')
    t.equal(await valueOf<number>(bench, done => disk.append('a', utf8('y'), done)), 0, 'the name can be used again')
  })

  test('a list has the sorted files of one folder, without those below', async (t, bench, disk) => {
    t.same(await valueOf(bench, done => disk.list('', done)), [])
    t.same(await valueOf(bench, done => disk.list('absent', done)), [])
    for (const file of ['b', 'a', 'B', 'c.seg', 'f/2', 'f/10', 'f/1', 'f/deep/x'])
      await valueOf(bench, done => disk.append(file, utf8(file), done))
    t.same(await valueOf(bench, done => disk.list('', done)), ['B', 'a', 'b', 'c.seg'])
    t.same(await valueOf(bench, done => disk.list('f', done)), ['1', '10', '2'])
    t.same(await valueOf(bench, done => disk.list('f/deep', done)), ['x'])
  })

  test('a name that could leave the directory is a bug', async (t, _bench, disk) => {
    for (const file of ['', '.', '..', '../a', '/etc/passwd', 'a/../../b', 'a//b', 'a/', 'a\\b', 'a\0b', 'ä', 'a b', 'x'.repeat(256)]) {
      t.throws(() => disk.append(file, utf8('x'), () => t.fail('answered')), { name: 'AssertionError' }, JSON.stringify(file))
      t.throws(() => disk.rename('a', file, () => t.fail('answered')), { name: 'AssertionError' })
    }
    for (const folder of ['..', '/', 'a/..']) t.throws(() => disk.list(folder, () => t.fail('answered')), { name: 'AssertionError' })
  })

  test('operations on one file take effect in the order they were called', async (t, bench, disk) => {
    const answers = [
      started(done => disk.append('a', utf8('one'), done)),
      started(done => disk.size('a', done)),
      started(done => disk.append('a', utf8('two'), done)),
      started(done => disk.read('a', 0, 100, done)),
      started(done => disk.sync('a', done)),
      started(done => disk.truncate('a', 4, done)),
      started(done => disk.read('a', 0, 100, done)),
      started(done => disk.rename('a', 'b', done)),
      started(done => disk.size('a', done)),
      started(done => disk.append('b', utf8('three'), done)),
      started(done => disk.remove('b', done)),
      started(done => disk.append('b', utf8('four'), done)),
      started(done => disk.read('b', 0, 100, done)),
    ] as const
    bench.turn()
    const results = await Promise.all(answers.map(async answer => outcome(await answer)))
    t.same(results, ['0', '3', '3', 'onetwo', 'ok', 'ok', 'onet', 'ok', 'missing', '4', 'ok', '0', 'four'])
  })

  test('an operation may be started from the answer to another', async (t, bench, disk) => {
    const sizes: number[] = []
    await new Promise<void>(resolve => {
      const again = (): void =>
        disk.append('a', utf8('x'), result => {
          if (!result.ok) throw new Error(result.error.message)
          sizes.push(result.value)
          if (sizes.length < 50) again()
          else resolve()
        })
      again()
      bench.turn()
    })
    t.same(
      sizes,
      Array.from({ length: 50 }, (_, i) => i),
    )
  })

  t.test(`${name}: 1,000 operations at once on 10 files give what they give one after the other`, async t => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { minLength: 1000, maxLength: 1000 }), async steps => {
        const bench = make()
        const answers = steps.map(each => started<unknown>(done => perform(bench.port, each, done)))
        bench.turn()
        const results = (await Promise.all(answers)).map(outcome)
        const model: Model = new Map()
        for (const [i, each] of steps.entries()) {
          const expected = predict(model, each)
          if (results[i] !== expected) throw new Error(`operation ${i} ${JSON.stringify(each)}: expected ${expected}, got ${results[i]}`)
        }
        for (const folder of ['', 'f']) {
          const prefix = folder === '' ? '' : 'f/'
          const names = [...model.keys()].filter(file => file.includes('/') === (folder !== '')).map(file => file.slice(prefix.length))
          const listed = await valueOf<readonly string[]>(bench, done => bench.port.list(folder, done))
          if (listed.join() !== names.sort().join()) throw new Error(`listed ${listed.join()}, expected ${names.join()}`)
        }
        for (const [file, content] of model) {
          const read = await answered<Uint8Array>(bench, done => bench.port.read(file, 0, content.length + 1, done))
          if (outcome(read) !== text(content)) throw new Error(`${file} ends as ${outcome(read)}, expected ${text(content)}`)
        }
        await bench.close()
      }),
      { numRuns: runs },
    )
    t.pass(`${runs} sequences`)
  })
}

type Step =
  | { readonly kind: 'append'; readonly file: string; readonly bytes: Uint8Array }
  | { readonly kind: 'read'; readonly file: string; readonly offset: number; readonly length: number }
  | { readonly kind: 'truncate'; readonly file: string; readonly length: number }
  | { readonly kind: 'rename'; readonly file: string; readonly to: string }
  | { readonly kind: 'size' | 'sync' | 'remove'; readonly file: string }

const file: fc.Arbitrary<string> = fc.constantFrom('a', 'b', 'c', 'd', 'e', 'f/a', 'f/b', 'f/c', 'f/d', 'f/e')
const step: fc.Arbitrary<Step> = fc.oneof(
  { weight: 10, arbitrary: fc.record({ kind: fc.constant('append' as const), file, bytes: fc.uint8Array({ maxLength: 40 }) }) },
  { weight: 6, arbitrary: fc.record({ kind: fc.constant('read' as const), file, offset: fc.nat(80), length: fc.nat(80) }) },
  { weight: 3, arbitrary: fc.record({ kind: fc.constant('truncate' as const), file, length: fc.nat(60) }) },
  { weight: 1, arbitrary: fc.record({ kind: fc.constant('rename' as const), file, to: file }) },
  {
    weight: 4,
    arbitrary: fc.record({ kind: fc.constantFrom('size' as const, 'size' as const, 'sync' as const, 'remove' as const), file }),
  },
)

type Model = Map<string, Uint8Array>

function perform(disk: Disk, step: Step, done: (result: DiskResult<unknown>) => void): void {
  if (step.kind === 'append') disk.append(step.file, step.bytes, done)
  else if (step.kind === 'read') disk.read(step.file, step.offset, step.length, done)
  else if (step.kind === 'truncate') disk.truncate(step.file, step.length, done)
  else if (step.kind === 'rename') disk.rename(step.file, step.to, done)
  else disk[step.kind](step.file, done)
}

/** The disk as a table of contents. */
function predict(model: Model, step: Step): string {
  const content = model.get(step.file)
  if (step.kind === 'append') {
    model.set(step.file, concatBytes(content ?? EMPTY, step.bytes))
    return String(content?.length ?? 0)
  }
  if (step.kind === 'remove') {
    model.delete(step.file)
    return 'ok'
  }
  if (content === undefined) return 'missing'
  switch (step.kind) {
    case 'read':
      return text(content.slice(step.offset, step.offset + step.length))
    case 'size':
      return String(content.length)
    case 'sync':
      return 'ok'
    case 'truncate':
      if (step.length > content.length) return 'failed'
      model.set(step.file, content.slice(0, step.length))
      return 'ok'
    case 'rename':
      model.delete(step.file)
      model.set(step.to, content)
      return 'ok'
  }
}

/** An answer as text: bytes byte for byte, a number, `ok`, or a code. */
function outcome(result: DiskResult<unknown>): string {
  if (!result.ok) return result.error.code
  if (result.value instanceof Uint8Array) return text(result.value)
  return result.value === undefined ? 'ok' : String(result.value)
}

function text(bytes: Uint8Array): string {
  return Buffer.from(bytes).toString('latin1')
}

/**
 * `Promise.withResolvers`, the one thing that libp2p needs and Node 20 lacks. Imported before libp2p.
 */
export interface Resolvers<T> {
  readonly promise: Promise<T>
  readonly resolve: (value: T | PromiseLike<T>) => void
  readonly reject: (reason?: unknown) => void
}

const host: { withResolvers?: <T>() => Resolvers<T> } = Promise as typeof Promise & { withResolvers?: <T>() => Resolvers<T> }

host.withResolvers ??= <T>(): Resolvers<T> => {
  let resolve: Resolvers<T>['resolve'] = () => {}
  let reject: Resolvers<T>['reject'] = () => {}
  const promise = new Promise<T>((...both) => {
    ;[resolve, reject] = both
  })
  return { promise, resolve, reject }
}

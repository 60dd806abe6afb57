/** `Promise.withResolvers`, which libp2p needs and Node 20 lacks. Imported before it. */
Promise.withResolvers ??= () => {
  let resolve
  let reject
  const promise = new Promise((...both) => {
    ;[resolve, reject] = both
  })
  return { promise, resolve, reject }
}

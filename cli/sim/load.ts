/** Keeps a processor busy, so that nothing that depends on time finds it idle. Ends when it is terminated. */
export function burn(): never {
  for (let i = 0; ; i = (i * 31 + 7) % 1_000_003);
}

burn()

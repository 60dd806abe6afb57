/** Keeps a processor busy, so that nothing that depends on time finds it idle. Ends when it is terminated. */
export function burn(): never {
  for (;;);
}

burn()

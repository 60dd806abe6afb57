import type { Behaviour, ProcessContext } from '../../node/index.ts'

/** A process that writes down what it is told: the memory names it as the author's voice. */
export default function scribe(context: ProcessContext): Behaviour {
  let written = 0
  return {
    onCall: {
      write: async (text: string) => {
        const { id } = await context.memory.remember(text)
        return { id, written: ++written }
      },
    },
  }
}

import { z } from 'zod'
import { policyName, policyShape } from '../memory/policy.ts'
import { command, type CommandsOf } from './command.ts'

export const policyCommands: CommandsOf<'memory.policies' | 'memory.set-policy' | 'memory.remove-policy' | 'memory.run-policies'> = {
  'memory.policies': command(z.strictObject({}), (core, _, to) => to.ok({ policies: core.policies.list() })),

  'memory.set-policy': command(z.strictObject({ name: policyName, policy: policyShape }), (core, { name, policy }, to) => {
    core.policies.set(name, policy)
    to.ok({ policies: core.policies.list().filter(row => row.name === name) })
  }),

  'memory.remove-policy': command(z.strictObject({ name: policyName }), (core, { name }, to) => {
    core.policies.remove(name)
    to.ok({ removed: name })
  }),

  'memory.run-policies': command(
    z.strictObject({ name: policyName.optional(), dryRun: z.boolean().optional() }),
    (core, { name, dryRun = false }, to) => core.policies.run(name, dryRun, runs => to.ok({ dryRun, runs })),
  ),
}

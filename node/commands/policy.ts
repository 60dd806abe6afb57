import { z } from 'zod'
import { policyName, policyShape } from './policy-shape.ts'
import { command, type CommandsOf } from './command.ts'
import { memoryToWrite } from './in-space.ts'

export const policyCommands: CommandsOf<'policy.list' | 'policy.set' | 'policy.remove' | 'policy.run'> = {
  'policy.list': command(z.strictObject({}), (core, _, to) => to.ok({ policies: core.policies.list() })),

  'policy.set': command(z.strictObject({ name: policyName, policy: policyShape }), (core, { name, policy }, to) => {
    if (policy.space !== undefined) memoryToWrite(core, policy)
    core.policies.set(name, policy)
    to.ok({ policies: core.policies.list().filter(row => row.name === name) })
  }),

  'policy.remove': command(z.strictObject({ name: policyName }), (core, { name }, to) => {
    core.policies.remove(name)
    to.ok({ removed: name })
  }),

  'policy.run': command(
    z.strictObject({ name: policyName.optional(), dryRun: z.boolean().optional() }),
    (core, { name, dryRun = false }, to) => core.policies.run(name, dryRun, runs => to.ok({ dryRun, runs })),
  ),
}

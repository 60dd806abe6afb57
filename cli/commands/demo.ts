import { action, type Define } from '../invocation.ts'
export const define: Define = command => command.action(action(async () => 1))

import { Counter, Gauge, Registry } from 'prom-client'
import { METRICS, type MetricName, type Metrics } from '../../base/metrics.ts'

/** The node's numbers in the text format of Prometheus: counted as plain fields, made into samples when somebody scrapes. */
export async function renderMetrics(metrics: Metrics): Promise<string> {
  const registry = new Registry()
  const instruments = new Map<MetricName, Counter | Gauge>()
  for (const [name, { type, help, label }] of Object.entries(METRICS)) {
    const options = { name, help, registers: [registry], labelNames: label === undefined ? [] : [label] }
    instruments.set(name as MetricName, type === 'counter' ? new Counter(options) : new Gauge(options))
  }
  for (const [name, value, number] of metrics.samples()) {
    const { label } = METRICS[name]
    const labels = label === undefined || value === '' ? {} : { [label]: value }
    instruments.get(name)?.inc(labels, number)
  }
  return registry.metrics()
}

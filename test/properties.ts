import fc from 'fast-check'

/**
 * fast-check with the same cases in every run, so that a change and not chance decides what fails. Others are drawn by
 * `npm run test:long -- properties`, or by `WEFT_PROPERTY_SEED`, any whole number.
 */
fc.configureGlobal({ seed: Number(process.env['WEFT_PROPERTY_SEED'] ?? 1) })

export default fc

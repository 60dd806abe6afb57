/**
 * Numbers of 16 bits (IEEE 754 binary16): half the bytes of a vector, and its nearest neighbours stay the same.
 * 10 bits of fraction, down to 2^-24; 65,504 is the largest.
 */

const scratch: DataView = new DataView(new ArrayBuffer(4))

/** The nearest half of a number of 32 bits, of two equally near ones the even one; infinite from 65,520 on. */
export function halfOf(value: number): number {
  scratch.setFloat32(0, value)
  const bits = scratch.getUint32(0)
  const sign = (bits >>> 16) & 0x8000
  const size = bits & 0x7fffffff
  if (size > 0x7f800000) return sign | 0x7e00
  if (size >= 0x47800000) return sign | 0x7c00
  if (size < 0x38800000) return sign | smallHalfOf(size)
  // What is rounded up may carry into the exponent, which is then right.
  return sign | ((size + 0xfff + ((size >>> 13) & 1) - 0x38000000) >>> 13)
}

/** Below 2^-14: a whole number of 2^-24. */
function smallHalfOf(size: number): number {
  if (size <= 0x33000000) return 0
  const shift = 126 - (size >>> 23)
  const fraction = (size & 0x7fffff) | 0x800000
  const whole = fraction >>> shift
  const rest = fraction & ((1 << shift) - 1)
  const middle = 1 << (shift - 1)
  return rest > middle || (rest === middle && (whole & 1) === 1) ? whole + 1 : whole
}

/** The number that 16 bits mean, exactly. */
export function numberOfHalf(half: number): number {
  const exponent = (half >>> 10) & 0x1f
  const fraction = half & 0x3ff
  if (exponent === 0) return (half & 0x8000 ? -fraction : fraction) * 2 ** -24
  scratch.setUint32(0, ((half & 0x8000) << 16) | ((exponent === 31 ? 0xff : exponent + 112) << 23) | (fraction << 13))
  return scratch.getFloat32(0)
}

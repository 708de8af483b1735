// Activations, written out from primitives. Each works on a tensor of any shape, in f32 or f16.
// tanh and sigmoid are built-in ops.

/// max(x, 0). Nair and Hinton (2010), Rectified linear units improve restricted Boltzmann machines.
fn relu(x: float[...]) -> float[...] = maximum(x, 0)

/// relu, limited to 6. Howard et al. (2017), MobileNets.
fn relu6(x: float[...]) -> float[...] = minimum(maximum(x, 0), 6)

/// The square of relu. So et al. (2021), Primer.
fn relu_squared(x: float[...]) -> float[...] {
  let r = maximum(x, 0)
  return r * r
}

/// x where positive, else slope * x. Maas et al. (2013), Rectifier nonlinearities improve acoustic models.
fn leaky_relu(x: float[...], slope: float = 0.01) -> float[...] = where(x > 0, x, slope * x)

/// leaky_relu with a learned slope per channel. He et al. (2015), Delving deep into rectifiers.
fn prelu(x: float[..., N], slope: float[N]) -> float[..., N] = where(x > 0, x, slope * x)

/// x where positive, else alpha * (e^x - 1). Clevert et al. (2016), ELU.
fn elu(x: float[...], alpha: float = 1) -> float[...] = where(
  x > 0,
  x,
  alpha * expm1(minimum(x, 0)),
)

/// elu, scaled so that mean 0 and variance 1 are a fixed point. Klambauer et al. (2017), Self-normalizing networks.
fn selu(
  x: float[...],
  alpha: float = 1.6732632423543772,
  scale: float = 1.0507009873554805,
) -> float[...] = scale * where(x > 0, x, alpha * expm1(minimum(x, 0)))

/// elu with a continuous derivative for every alpha. Barron (2017), CELU.
fn celu(x: float[...], alpha: float = 1) -> float[...] =
  maximum(x, 0) + minimum(alpha * expm1(minimum(x, 0) / alpha), 0)

/// x times the normal distribution function of x, exact. Hendrycks and Gimpel (2016), GELU.
fn gelu(x: float[...]) -> float[...] = 0.5 * x * (1 + erf(x * 0.7071067811865476))

/// gelu by its tanh approximation; within 5e-4 of the exact one. Hendrycks and Gimpel (2016), section 2.
fn gelu_tanh(x: float[...]) -> float[...] =
  0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))

/// gelu by its sigmoid approximation, x * sigmoid(1.702 x). Hendrycks and Gimpel (2016), section 2.
fn gelu_sigmoid(x: float[...]) -> float[...] = x * sigmoid(1.702 * x)

/// x * sigmoid(x), also called swish. Elfwing et al. (2018), Sigmoid-weighted linear units.
fn silu(x: float[...]) -> float[...] = x * sigmoid(x)

/// x * sigmoid(beta * x). Ramachandran et al. (2017), Searching for activation functions.
fn swish(x: float[...], beta: float = 1) -> float[...] = x * sigmoid(beta * x)

/// log(1 + e^x), in the form that cannot overflow. Dugas et al. (2001).
fn softplus(x: float[...]) -> float[...] = maximum(x, 0) + log1p(exp(-abs(x)))

/// log of sigmoid, in the form that cannot overflow.
fn log_sigmoid(x: float[...]) -> float[...] = minimum(x, 0) - log1p(exp(-abs(x)))

/// x * tanh(softplus(x)). Misra (2019), Mish.
fn mish(x: float[...]) -> float[...] = x * tanh(softplus(x))

/// x / (1 + |x|). Turian et al. (2009).
fn softsign(x: float[...]) -> float[...] = x / (1 + abs(x))

/// slope * x + shift, limited to 0 .. 1. Howard et al. (2019), Searching for MobileNetV3.
fn hard_sigmoid(
  x: float[...],
  slope: float = 0.16666666666666666,
  shift: float = 0.5,
) -> float[...] = minimum(maximum(slope * x + shift, 0), 1)

/// x * hard_sigmoid(x). Howard et al. (2019), Searching for MobileNetV3.
fn hard_swish(x: float[...]) -> float[...] = x * hard_sigmoid(x)

/// x, limited to -1 .. 1. Collobert (2004).
fn hard_tanh(x: float[...]) -> float[...] = minimum(maximum(x, -1), 1)

/// 0 within the threshold, x moved towards 0 by bias beyond.
fn shrink(x: float[...], bias: float = 0, threshold: float = 0.5) -> float[...] = where(
  x < -threshold,
  x + bias,
  where(x > threshold, x - bias, 0),
)

/// x where it exceeds the level, else a value.
fn threshold(x: float[...], level: float, value: float = 0) -> float[...] = where(
  x > level,
  x,
  value,
)

/// x - tanh(x).
fn tanh_shrink(x: float[...]) -> float[...] = x - tanh(x)

/// One half gates the other: a * sigmoid(b). Dauphin et al. (2017), Gated convolutional networks.
fn glu(a: float[...], b: float[...]) -> float[...] = a * sigmoid(b)

/// One half gates the other: silu(a) * b. Shazeer (2020), GLU variants improve transformer.
fn swiglu(a: float[...], b: float[...]) -> float[...] = a * sigmoid(a) * b

/// One half gates the other: gelu(a) * b. Shazeer (2020), GLU variants improve transformer.
fn geglu(a: float[...], b: float[...]) -> float[...] = gelu(a) * b

/// One half gates the other: relu(a) * b. Shazeer (2020), GLU variants improve transformer.
fn reglu(a: float[...], b: float[...]) -> float[...] = relu(a) * b

// Activations, written out from primitives. Each works on a tensor of any shape.
// tanh and sigmoid are built-in ops.

/// max(x, 0). Nair and Hinton (2010), Rectified linear units improve restricted Boltzmann machines.
fn relu(x: f32[...]) -> f32[...] = maximum(x, 0)

/// relu, limited to 6. Howard et al. (2017), MobileNets.
fn relu6(x: f32[...]) -> f32[...] = minimum(maximum(x, 0), 6)

/// The square of relu. So et al. (2021), Primer.
fn relu_squared(x: f32[...]) -> f32[...] {
  let r = maximum(x, 0)
  return r * r
}

/// x where positive, else slope * x. Maas et al. (2013), Rectifier nonlinearities improve acoustic models.
fn leaky_relu(x: f32[...], slope: f32 = 0.01) -> f32[...] = where(x > 0, x, slope * x)

/// leaky_relu with a learned slope per channel. He et al. (2015), Delving deep into rectifiers.
fn prelu(x: f32[..., N], slope: f32[N]) -> f32[..., N] = where(x > 0, x, slope * x)

/// x where positive, else alpha * (e^x - 1). Clevert et al. (2016), ELU.
fn elu(x: f32[...], alpha: f32 = 1) -> f32[...] = where(x > 0, x, alpha * expm1(minimum(x, 0)))

/// elu, scaled so that mean 0 and variance 1 are a fixed point. Klambauer et al. (2017), Self-normalizing networks.
fn selu(x: f32[...], alpha: f32 = 1.6732632423543772, scale: f32 = 1.0507009873554805) -> f32[...] =
  scale * where(x > 0, x, alpha * expm1(minimum(x, 0)))

/// elu with a continuous derivative for every alpha. Barron (2017), CELU.
fn celu(x: f32[...], alpha: f32 = 1) -> f32[...] =
  maximum(x, 0) + minimum(alpha * expm1(minimum(x, 0) / alpha), 0)

/// x times the normal distribution function of x, exact. Hendrycks and Gimpel (2016), GELU.
fn gelu(x: f32[...]) -> f32[...] = 0.5 * x * (1 + erf(x * 0.7071067811865476))

/// gelu by its tanh approximation; within 5e-4 of the exact one. Hendrycks and Gimpel (2016), section 2.
fn gelu_tanh(x: f32[...]) -> f32[...] =
  0.5 * x * (1 + tanh(0.7978845608028654 * (x + 0.044715 * x * x * x)))

/// gelu by its sigmoid approximation, x * sigmoid(1.702 x). Hendrycks and Gimpel (2016), section 2.
fn gelu_sigmoid(x: f32[...]) -> f32[...] = x * sigmoid(1.702 * x)

/// x * sigmoid(x), also called swish. Elfwing et al. (2018), Sigmoid-weighted linear units.
fn silu(x: f32[...]) -> f32[...] = x * sigmoid(x)

/// x * sigmoid(beta * x). Ramachandran et al. (2017), Searching for activation functions.
fn swish(x: f32[...], beta: f32 = 1) -> f32[...] = x * sigmoid(beta * x)

/// log(1 + e^x), in the form that cannot overflow. Dugas et al. (2001).
fn softplus(x: f32[...]) -> f32[...] = maximum(x, 0) + log1p(exp(-abs(x)))

/// log of sigmoid, in the form that cannot overflow.
fn log_sigmoid(x: f32[...]) -> f32[...] = minimum(x, 0) - log1p(exp(-abs(x)))

/// x * tanh(softplus(x)). Misra (2019), Mish.
fn mish(x: f32[...]) -> f32[...] = x * tanh(softplus(x))

/// x / (1 + |x|). Turian et al. (2009).
fn softsign(x: f32[...]) -> f32[...] = x / (1 + abs(x))

/// slope * x + shift, limited to 0 .. 1. Howard et al. (2019), Searching for MobileNetV3.
fn hard_sigmoid(
  x: f32[...],
  slope: f32 = 0.16666666666666666,
  shift: f32 = 0.5,
) -> f32[...] = minimum(maximum(slope * x + shift, 0), 1)

/// x * hard_sigmoid(x). Howard et al. (2019), Searching for MobileNetV3.
fn hard_swish(x: f32[...]) -> f32[...] = x * hard_sigmoid(x)

/// x, limited to -1 .. 1. Collobert (2004).
fn hard_tanh(x: f32[...]) -> f32[...] = minimum(maximum(x, -1), 1)

/// 0 within the threshold, x moved towards 0 by bias beyond.
fn shrink(x: f32[...], bias: f32 = 0, threshold: f32 = 0.5) -> f32[...] = where(
  x < -threshold,
  x + bias,
  where(x > threshold, x - bias, 0),
)

/// x where it exceeds the level, else a value.
fn threshold(x: f32[...], level: f32, value: f32 = 0) -> f32[...] = where(x > level, x, value)

/// x - tanh(x).
fn tanh_shrink(x: f32[...]) -> f32[...] = x - tanh(x)

/// One half gates the other: a * sigmoid(b). Dauphin et al. (2017), Gated convolutional networks.
fn glu(a: f32[...], b: f32[...]) -> f32[...] = a * sigmoid(b)

/// One half gates the other: silu(a) * b. Shazeer (2020), GLU variants improve transformer.
fn swiglu(a: f32[...], b: f32[...]) -> f32[...] = a * sigmoid(a) * b

/// One half gates the other: gelu(a) * b. Shazeer (2020), GLU variants improve transformer.
fn geglu(a: f32[...], b: f32[...]) -> f32[...] = gelu(a) * b

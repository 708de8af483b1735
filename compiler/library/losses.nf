// Losses, each for one sample or element; take the mean for the usual reduction.

/// Squared differences.
fn squared_error(prediction: float[...], target: float[...]) -> float[...] {
  let d = prediction - target
  return d * d
}

/// Absolute differences.
fn absolute_error(prediction: float[...], target: float[...]) -> float[...] = abs(
  prediction - target,
)

/// Quadratic within delta, linear beyond. Huber (1964), Robust estimation of a location parameter.
fn huber(prediction: float[...], target: float[...], delta: float = 1) -> float[...] {
  let a = abs(prediction - target)
  let q = minimum(a, delta)
  return 0.5 * q * q + delta * (a - q)
}

/// log(cosh(d)) of the difference d, in the form that cannot overflow.
fn log_cosh(prediction: float[...], target: float[...]) -> float[...] {
  let a = abs(prediction - target)
  return a + log1p(exp(-2 * a)) - 0.6931471805599453
}

/// max(0, 1 - sign * prediction), with signs -1 and 1.
fn hinge(prediction: float[...], signs: float[...]) -> float[...] = maximum(
  1 - signs * prediction,
  0,
)

/// Cross-entropy of logits with classes given by number: one value for each row. The last axis holds the classes.
fn cross_entropy(logits: float[..., N], labels: i32[...]) -> float[...] = -sum(
  log_softmax(logits) * cast(one_hot(labels, N), float),
  axis = -1,
)

/// Cross-entropy of logits with a distribution over the classes: one value for each row.
fn soft_cross_entropy(logits: float[..., N], targets: float[..., N]) -> float[...] = -sum(
  log_softmax(logits) * targets,
  axis = -1,
)

/// Cross-entropy of logits with probabilities of the class, in the form that cannot overflow.
fn binary_cross_entropy(logits: float[...], targets: float[...]) -> float[...] =
  maximum(logits, 0) - logits * targets + log1p(exp(-abs(logits)))

/// Divergence of the distribution q from the target distribution p along the last axis. Kullback and Leibler (1951).
fn kl_divergence(p: float[..., N], q: float[..., N]) -> float[...] = sum(
  where(p > 0, p * (log(maximum(p, 1e-30)) - log(q)), 0),
  axis = -1,
)

/// Cosine of the angle between vectors along the last axis.
fn cosine_similarity(a: float[..., N], b: float[..., N]) -> float[...] = sum(
  l2_normalize(a) * l2_normalize(b),
  axis = -1,
)

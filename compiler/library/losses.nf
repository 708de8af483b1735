// Losses, each for one sample or element; take the mean for the usual reduction.

/// Squared differences.
fn squared_error(prediction: f32[...], target: f32[...]) -> f32[...] {
  let d = prediction - target
  return d * d
}

/// Absolute differences.
fn absolute_error(prediction: f32[...], target: f32[...]) -> f32[...] = abs(prediction - target)

/// Quadratic within delta, linear beyond. Huber (1964), Robust estimation of a location parameter.
fn huber(prediction: f32[...], target: f32[...], delta: f32 = 1) -> f32[...] {
  let a = abs(prediction - target)
  let q = minimum(a, delta)
  return 0.5 * q * q + delta * (a - q)
}

/// log(cosh(d)) of the difference d, in the form that cannot overflow.
fn log_cosh(prediction: f32[...], target: f32[...]) -> f32[...] {
  let a = abs(prediction - target)
  return a + log1p(exp(-2 * a)) - 0.6931471805599453
}

/// max(0, 1 - sign * prediction), with signs -1 and 1.
fn hinge(prediction: f32[...], signs: f32[...]) -> f32[...] = maximum(1 - signs * prediction, 0)

/// Cross-entropy of logits with classes given by number: one value for each row. The last axis holds the classes.
fn cross_entropy(logits: f32[..., N], labels: i32[...]) -> f32[...] = -sum(
  log_softmax(logits) * one_hot(labels, N),
  axis = -1,
)

/// Cross-entropy of logits with a distribution over the classes: one value for each row.
fn soft_cross_entropy(logits: f32[..., N], targets: f32[..., N]) -> f32[...] = -sum(
  log_softmax(logits) * targets,
  axis = -1,
)

/// Cross-entropy of logits with probabilities of the class, in the form that cannot overflow.
fn binary_cross_entropy(logits: f32[...], targets: f32[...]) -> f32[...] =
  maximum(logits, 0) - logits * targets + log1p(exp(-abs(logits)))

/// Divergence of the distribution q from the target distribution p along the last axis. Kullback and Leibler (1951).
fn kl_divergence(p: f32[..., N], q: f32[..., N]) -> f32[...] = sum(
  where(p > 0, p * (log(maximum(p, 1e-30)) - log(q)), 0),
  axis = -1,
)

/// Cosine of the angle between vectors along the last axis.
fn cosine_similarity(a: f32[..., N], b: f32[..., N]) -> f32[...] = sum(
  l2_normalize(a) * l2_normalize(b),
  axis = -1,
)

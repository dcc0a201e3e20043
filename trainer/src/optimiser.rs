//! Adam and AdamW with moments in tensors of our own, so that a checkpoint holds them.
//!
//! Kingma and Ba, arXiv:1412.6980, algorithm 1; with decoupled weight decay Loshchilov and Hutter, arXiv:1711.05101. The
//! arithmetic is that of `torch.optim.Adam` and `AdamW`.

use std::collections::BTreeMap;

use serde::{Deserialize, Serialize};
use tch::{Kind, Tensor};

use crate::error::Result;
use crate::group::Group;
use crate::network::{Network, Tensors};

const BETA_1: f64 = 0.9;
const BETA_2: f64 = 0.999;
const EPSILON: f64 = 1e-8;

/// Which optimiser.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, Deserialize, clap::ValueEnum)]
#[serde(rename_all = "snake_case")]
pub enum Method {
    /// Adam; weight decay is added to the gradient. The reference, without decay.
    Adam,
    /// Adam with decoupled weight decay.
    AdamW,
}

/// One trained parameter.
#[derive(Debug)]
struct Parameter {
    name: String,
    tensor: Tensor,
    /// Factor on the learning rate.
    rate: f64,
    /// Weight decay; 0 for batch norms and biases.
    decay: f64,
    first: Tensor,
    second: Tensor,
}

/// The trained parameters and their moments.
#[derive(Debug)]
pub struct Optimiser {
    method: Method,
    parameters: Vec<Parameter>,
    steps: i64,
}

impl Optimiser {
    /// Prepares the network's parts from `first_trained` on for training: their parameters get gradients.
    ///
    /// `rate_of` gives the factor on the learning rate of a part. Weight decay spares batch norms and biases.
    #[must_use]
    pub fn new(
        method: Method,
        weight_decay: f64,
        network: &Network,
        first_trained: usize,
        rate_of: impl Fn(usize) -> f64,
    ) -> Self {
        let mut parameters = Vec::new();
        for spec in network.topology().tensors().into_iter().filter(|spec| spec.is_parameter()) {
            let part = network.part_of(&spec.name);
            if part < first_trained {
                continue;
            }
            let tensor = network.tensor(&spec.name).set_requires_grad(true);
            let decay = if spec.shape.len() > 1 { weight_decay } else { 0.0 };
            let (first, second) = (tensor.detach().zeros_like(), tensor.detach().zeros_like());
            parameters.push(Parameter { name: spec.name, tensor, rate: rate_of(part), decay, first, second });
        }
        Self { method, parameters, steps: 0 }
    }

    /// Number of steps so far.
    #[must_use]
    pub const fn steps(&self) -> i64 {
        self.steps
    }

    /// Forgets all gradients.
    pub fn zero_gradients(&mut self) {
        self.parameters.iter_mut().for_each(|parameter| parameter.tensor.zero_grad());
    }

    /// Sums the gradients over all processes and divides them by the loss scale with which they were computed.
    ///
    /// # Errors
    /// When libtorch has no memory.
    pub fn sum_gradients(&mut self, group: &Group, loss_scale: f64) -> Result<()> {
        if group.size() == 1 && loss_scale == 1.0 {
            return Ok(());
        }
        let gradients: Vec<Tensor> = self.parameters.iter().map(|parameter| parameter.tensor.grad()).collect();
        if group.size() == 1 {
            let scale = |mut gradient: Tensor| drop(gradient.g_mul_scalar_(1.0 / loss_scale));
            gradients.into_iter().filter(Tensor::defined).for_each(scale);
            return Ok(());
        }
        // A process without images in this step has no gradients; they still need their place in the sum.
        for parameter in self.parameters.iter().filter(|parameter| !parameter.tensor.grad().defined()) {
            parameter.tensor.f_mul_scalar(0.0)?.f_sum(Kind::Float)?.f_backward()?;
        }
        let gradients: Vec<Tensor> = self.parameters.iter().map(|parameter| parameter.tensor.grad()).collect();
        group.sum(&gradients, 1.0 / loss_scale)
    }

    /// The Euclidean norm of all gradients together; with a limit they are scaled down to it (as
    /// `torch.nn.utils.clip_grad_norm_`).
    pub fn clip_gradients(&mut self, norm_max: Option<f64>) -> f64 {
        tch::no_grad(|| {
            let gradients: Vec<Tensor> = self.parameters.iter().map(|parameter| parameter.tensor.grad()).collect();
            let gradients = gradients.into_iter().filter(Tensor::defined);
            let gradients: Vec<Tensor> = gradients.collect();
            let norms: Vec<Tensor> = gradients.iter().map(Tensor::norm).collect();
            if norms.is_empty() {
                return 0.0;
            }
            let norm = Tensor::stack(&norms, 0).norm().double_value(&[]);
            if let Some(limit) = norm_max.filter(|&limit| norm > limit) {
                let factor = limit / (norm + 1e-6);
                gradients.into_iter().for_each(|mut gradient| drop(gradient.g_mul_scalar_(factor)));
            }
            norm
        })
    }

    /// One step against the gradients with learning rate `rate`.
    pub fn step(&mut self, rate: f64) {
        self.steps += 1;
        let correction = |beta: f64| 1.0 - beta.powi(i32::try_from(self.steps).unwrap_or(i32::MAX));
        let (first_correction, second_correction) = (correction(BETA_1), correction(BETA_2).sqrt());
        let method = self.method;
        tch::no_grad(|| {
            for parameter in &mut self.parameters {
                let mut gradient = parameter.tensor.grad();
                if !gradient.defined() {
                    continue;
                }
                let rate = rate * parameter.rate;
                match method {
                    Method::Adam if parameter.decay > 0.0 => gradient = &gradient + &parameter.tensor * parameter.decay,
                    Method::AdamW if parameter.decay > 0.0 => {
                        let _ = parameter.tensor.g_mul_scalar_(1.0 - rate * parameter.decay);
                    }
                    Method::Adam | Method::AdamW => {}
                }
                let _ = parameter.first.lerp_(&gradient, 1.0 - BETA_1);
                let _ = parameter.second.g_mul_scalar_(BETA_2).addcmul_(&(&gradient * (1.0 - BETA_2)), &gradient);
                let denominator = parameter.second.sqrt() / second_correction + EPSILON;
                let step = &parameter.first / denominator * (-rate / first_correction);
                let _ = parameter.tensor.g_add_(&step);
            }
        });
    }

    /// The moments, as `first.NAME` and `second.NAME`.
    #[must_use]
    pub fn moments(&self) -> Tensors {
        let pairs = self.parameters.iter().flat_map(|parameter| {
            let named = |kind: &str, tensor: &Tensor| (format!("{kind}.{}", parameter.name), tensor.shallow_clone());
            [named("first", &parameter.first), named("second", &parameter.second)]
        });
        pairs.collect()
    }

    /// Takes moments and step count of a checkpoint. Gives the name of a moment that is missing or has another shape.
    ///
    /// # Errors
    /// That name; the moments before it are already taken.
    pub fn restore(&mut self, moments: &BTreeMap<String, Tensor>, steps: i64) -> std::result::Result<(), String> {
        for parameter in &mut self.parameters {
            for (kind, tensor) in [("first", &mut parameter.first), ("second", &mut parameter.second)] {
                let name = format!("{kind}.{}", parameter.name);
                let stored = moments.get(&name).filter(|stored| stored.size() == tensor.size());
                tensor.copy_(stored.ok_or(name)?);
            }
        }
        self.steps = steps;
        Ok(())
    }
}

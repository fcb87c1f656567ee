//! random_worlds

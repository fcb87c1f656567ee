//! hostile_network

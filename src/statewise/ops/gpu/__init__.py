"""Kernels for GPUs, written in Triton, which torch brings along with CUDA; on a CPU Triton's interpreter runs them."""

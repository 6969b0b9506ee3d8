// The emulated device as one library: the driver, cuBLAS, cuBLASLt and curand.
#include "driver.cpp"
#include "blas.cpp"
#include "blas_lt.cpp"

// The emulated device as one library: the driver, cuBLAS and curand.
#include "driver.cpp"
#include "blas.cpp"

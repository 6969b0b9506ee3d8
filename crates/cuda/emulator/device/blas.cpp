// cuBLAS's functions that a run calls, on emulated devices, and those of curand that candle calls
// when it opens a device. Products are those of product.h.
#include "machine.h"
#include "product.h"

using namespace emulated;

namespace {

constexpr int BLAS_INVALID_VALUE = 7, BLAS_EXECUTION_FAILED = 13, BLAS_NOT_SUPPORTED = 15;

// cudaDataType_t
Type type_of(int code) {
    switch (code) {
        case 0: return Type::F32;
        case 1: return Type::F64;
        case 2: return Type::F16;
        case 14: return Type::Bf16;
        case 28: return Type::E4m3;
        default: throw Failure{BLAS_NOT_SUPPORTED};
    }
}

struct Handle {
    void *stream = nullptr;
};

template <class Work> int blas_call(Work work) {
    int code = call(work);
    return code == SUCCESS || code == BLAS_INVALID_VALUE || code == BLAS_NOT_SUPPORTED
               ? code
               : BLAS_EXECUTION_FAILED;
}

struct Operand {
    Address address;
    int type;
    size_t step;
    bool is_transposed;
};

// Elements that a matrix of this shape spans.
size_t span(size_t rows, size_t columns, size_t step) { return (columns - 1) * step + rows; }

size_t size_or_refuse(int value) {
    if (value <= 0) throw Failure{BLAS_INVALID_VALUE};
    return static_cast<size_t>(value);
}

Matrix matrix_of(const Memory &memory, const Operand &operand, size_t rows, size_t columns,
                 size_t more) {
    Type type = type_of(operand.type);
    size_t stored_rows = operand.is_transposed ? columns : rows;
    size_t stored_columns = operand.is_transposed ? rows : columns;
    if (operand.step < stored_rows) throw Failure{BLAS_INVALID_VALUE};
    size_t elements = span(stored_rows, stored_columns, operand.step) + more;
    const void *values = memory.place(operand.address, elements * size_of(type));
    return operand.is_transposed ? Matrix{type, values, operand.step, 1}
                                 : Matrix{type, values, 1, operand.step};
}

void gemm(Machine &machine, Handle &handle, const Operand &a, const Operand &b, Address c, int c_code,
          size_t c_step, size_t rows, size_t columns, size_t depth, double alpha, double beta,
          size_t batches, const size_t strides[3]) {
    Device &device = machine.current();
    Type c_type = type_of(c_code);
    size_t last = batches - 1;
    Matrix left = matrix_of(device.memory, a, rows, depth, last * strides[0]);
    Matrix right = matrix_of(device.memory, b, depth, columns, last * strides[1]);
    if (c_step < rows) throw Failure{BLAS_INVALID_VALUE};
    size_t elements = span(rows, columns, c_step) + last * strides[2];
    auto *to = static_cast<unsigned char *>(device.memory.place(c, elements * size_of(c_type)));
    size_t steps[3] = {strides[0] * size_of(left.type), strides[1] * size_of(right.type),
                       strides[2] * size_of(c_type)};
    machine.put(device, machine.stream_of(device, handle.stream), [=] {
        for (size_t batch = 0; batch < batches; ++batch) {
            Matrix one = left, other = right;
            one.values = static_cast<const unsigned char *>(left.values) + batch * steps[0];
            other.values = static_cast<const unsigned char *>(right.values) + batch * steps[1];
            multiply(one, other, c_type, to + batch * steps[2], c_step, rows, columns, depth, alpha,
                     beta);
        }
    });
}

// alpha and beta are f64 where sums are, else f32.
double factor(const void *value, int compute) {
    return compute == 70 ? *static_cast<const double *>(value)
                         : static_cast<double>(*static_cast<const float *>(value));
}

}  // namespace

extern "C" {

int cublasCreate_v2(void **handle) {
    *handle = new Handle;
    return SUCCESS;
}

int cublasDestroy_v2(void *handle) {
    delete static_cast<Handle *>(handle);
    return SUCCESS;
}

int cublasSetStream_v2(void *handle, void *stream) {
    static_cast<Handle *>(handle)->stream = stream;
    return SUCCESS;
}

int cublasGemmStridedBatchedEx(void *handle, int transpose_a, int transpose_b, int m, int n, int k,
                               const void *alpha, Address a, int a_type, int a_step,
                               long long a_stride, Address b, int b_type, int b_step,
                               long long b_stride, const void *beta, Address c, int c_type,
                               int c_step, long long c_stride, int batches, int compute, int) {
    return blas_call([=](Machine &machine) {
        Operand left{a, a_type, size_or_refuse(a_step), transpose_a != 0};
        Operand right{b, b_type, size_or_refuse(b_step), transpose_b != 0};
        size_t strides[3] = {static_cast<size_t>(a_stride), static_cast<size_t>(b_stride),
                             static_cast<size_t>(c_stride)};
        gemm(machine, *static_cast<Handle *>(handle), left, right, c, c_type, size_or_refuse(c_step),
             size_or_refuse(m), size_or_refuse(n), size_or_refuse(k), factor(alpha, compute),
             factor(beta, compute), size_or_refuse(batches), strides);
    });
}

int cublasGemmEx(void *handle, int transpose_a, int transpose_b, int m, int n, int k,
                 const void *alpha, Address a, int a_type, int a_step, Address b, int b_type,
                 int b_step, const void *beta, Address c, int c_type, int c_step, int compute,
                 int algorithm) {
    return cublasGemmStridedBatchedEx(handle, transpose_a, transpose_b, m, n, k, alpha, a, a_type,
                                      a_step, 0, b, b_type, b_step, 0, beta, c, c_type, c_step, 0,
                                      1, compute, algorithm);
}

// Called by no run, and named by what the worker is linked with.
int cublasDgemmStridedBatched() { return BLAS_NOT_SUPPORTED; }

int curandCreateGenerator(void **generator, int) {
    static int one;
    *generator = &one;
    return SUCCESS;
}

int curandDestroyGenerator(void *) { return SUCCESS; }
int curandSetPseudoRandomGeneratorSeed(void *, unsigned long long) { return SUCCESS; }
int curandSetStream(void *, void *) { return SUCCESS; }

}  // extern "C"

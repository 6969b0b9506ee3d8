// cuBLASLt's functions that a run calls, on emulated devices: products of e4m3. What the library asks of
// shapes, layouts and addresses is checked, and an algorithm is good for the shape that it was found
// for alone. Part of the same program as blas.cpp.

namespace {

struct LtLayout {
    int type;
    size_t rows, columns, step;
};

struct LtDescription {
    int compute = 0;
    int transpose_a = 0, transpose_b = 0;
    int8_t fast_sums = 0;
};

struct LtPreference {
    size_t workspace = 0;
    uint32_t alignments[4] = {256, 256, 256, 256};
};

struct LtAlgorithm {
    uint64_t shape[8];
};

struct LtFound {
    LtAlgorithm algorithm;
    size_t workspace;
    int state;
    float waves;
    int reserved[4];
};

constexpr size_t LT_WORKSPACE = 1 << 20;
constexpr int E4M3_CODE = 28, F32_CODE = 0;

template <class T> T taken_exactly(const void *value, size_t bytes) {
    T taken;
    if (bytes != sizeof taken) throw Failure{BLAS_INVALID_VALUE};
    memcpy(&taken, value, sizeof taken);
    return taken;
}

// What the library asks of a product in e4m3, and the algorithm that it has for it.
LtAlgorithm algorithm_for(const Machine &machine, const LtDescription &what, const LtLayout &a,
                          const LtLayout &b, const LtLayout &d) {
    bool is_e4m3 = a.type == E4M3_CODE && b.type == E4M3_CODE && d.type == F32_CODE;
    bool is_turned = what.transpose_a == 1 && what.transpose_b == 0;
    bool agrees = a.rows == b.rows && a.columns == d.rows && b.columns == d.columns;
    bool fits = a.step >= a.rows && b.step >= b.rows && d.step >= d.rows;
    bool is_aligned = a.rows % 16 == 0 && a.columns % 16 == 0 && a.step % 16 == 0 &&
                      b.step % 16 == 0 && d.step % 4 == 0;
    if (!is_e4m3 || !is_turned || !agrees || !fits || !is_aligned || what.fast_sums != 0 ||
        machine.settings.capability < 89) {
        throw Failure{BLAS_NOT_SUPPORTED};
    }
    return {{a.rows, a.columns, b.columns, a.step, b.step, d.step, 0x5eed, 1}};
}

}  // namespace

extern "C" {

int cublasLtCreate(void **handle) {
    static int one;
    *handle = &one;
    return SUCCESS;
}

int cublasLtDestroy(void *) { return SUCCESS; }

int cublasLtMatrixLayoutCreate(void **layout, int type, uint64_t rows, uint64_t columns, int64_t step) {
    *layout = new LtLayout{type, rows, columns, static_cast<size_t>(step)};
    return SUCCESS;
}

int cublasLtMatrixLayoutDestroy(void *layout) {
    delete static_cast<LtLayout *>(layout);
    return SUCCESS;
}

int cublasLtMatmulDescCreate(void **description, int compute, int) {
    *description = new LtDescription{compute};
    return SUCCESS;
}

int cublasLtMatmulDescDestroy(void *description) {
    delete static_cast<LtDescription *>(description);
    return SUCCESS;
}

int cublasLtMatmulDescSetAttribute(void *description, int attribute, const void *value, size_t bytes) {
    return blas_call([=](Machine &) {
        auto &what = *static_cast<LtDescription *>(description);
        switch (attribute) {
            case 3: what.transpose_a = taken_exactly<int>(value, bytes); break;
            case 4: what.transpose_b = taken_exactly<int>(value, bytes); break;
            case 25: what.fast_sums = taken_exactly<int8_t>(value, bytes); break;
            default: throw Failure{BLAS_NOT_SUPPORTED};
        }
    });
}

int cublasLtMatmulPreferenceCreate(void **preference) {
    *preference = new LtPreference;
    return SUCCESS;
}

int cublasLtMatmulPreferenceDestroy(void *preference) {
    delete static_cast<LtPreference *>(preference);
    return SUCCESS;
}

int cublasLtMatmulPreferenceSetAttribute(void *preference, int attribute, const void *value,
                                         size_t bytes) {
    return blas_call([=](Machine &) {
        auto &what = *static_cast<LtPreference *>(preference);
        if (attribute == 1) {
            what.workspace = taken_exactly<uint64_t>(value, bytes);
        } else if (attribute >= 5 && attribute <= 8) {
            what.alignments[attribute - 5] = taken_exactly<uint32_t>(value, bytes);
        } else {
            throw Failure{BLAS_NOT_SUPPORTED};
        }
    });
}

int cublasLtMatmulAlgoGetHeuristic(void *, void *description, void *a, void *b, void *, void *d,
                                   void *preference, int most, void *found, int *count) {
    return blas_call([=](Machine &machine) {
        *count = 0;
        if (most < 1) throw Failure{BLAS_INVALID_VALUE};
        const auto &of = *static_cast<LtLayout *>(d);
        auto *to = static_cast<LtFound *>(found);
        bool has_room = static_cast<LtPreference *>(preference)->workspace >= LT_WORKSPACE;
        *to = {};
        to->algorithm = algorithm_for(machine, *static_cast<LtDescription *>(description),
                                      *static_cast<LtLayout *>(a), *static_cast<LtLayout *>(b), of);
        to->workspace = has_room ? LT_WORKSPACE : 0;
        *count = 1;
    });
}

int cublasLtMatmul(void *, void *description, const void *alpha, Address a, void *a_layout, Address b,
                   void *b_layout, const void *beta, Address c, void *c_layout, Address d,
                   void *d_layout, const void *algorithm, Address workspace, size_t workspace_bytes,
                   void *stream) {
    return blas_call([=](Machine &machine) {
        Device &device = machine.current();
        const auto &what = *static_cast<LtDescription *>(description);
        const auto &left = *static_cast<LtLayout *>(a_layout);
        const auto &right = *static_cast<LtLayout *>(b_layout);
        const auto &out = *static_cast<LtLayout *>(d_layout);
        LtAlgorithm needed = algorithm_for(machine, what, left, right, out);
        bool is_for_it = memcmp(&needed, algorithm, sizeof needed) == 0;
        bool is_aligned = a % 16 == 0 && b % 16 == 0 && d % 16 == 0;
        if (!is_for_it || !is_aligned || c != d || c_layout != d_layout) {
            throw Failure{BLAS_INVALID_VALUE};
        }
        void *scratch = device.memory.place(workspace, workspace_bytes);
        size_t written = std::min(workspace_bytes, LT_WORKSPACE);
        Stream *in = machine.stream_of(device, stream);
        // Whatever stands there is overwritten.
        machine.put(device, in, [=] { memset(scratch, 0xff, written); });
        Handle handle{stream};
        size_t none[3] = {0, 0, 0};
        gemm(machine, handle, {a, left.type, left.step, true}, {b, right.type, right.step, false}, d,
             out.type, out.step, out.rows, out.columns, left.rows, factor(alpha, what.compute),
             factor(beta, what.compute), 1, none);
    });
}

}  // extern "C"

/* vae.hpp - libvae for C++17 and later, on top of vae.h, whose manual holds for every function here. Header only.
 *
 *     vae::context context("threads=2");
 *     vae::dataset data(context, "train-images-idx3-ubyte.gz", "batch=128");
 *     vae::model model(context, "input=1x28x28 latent=20 likelihood=bernoulli "
 *                               "encoder=[dense 400, relu] decoder=[dense 400, relu]");
 *     model.initialize(data);
 *     vae::optimizer optimizer(model, "adam lr=1e-3");
 *     model.train(optimizer, data, "epochs=10");
 *     std::vector<float> images = model.sample(64, seed).x_mean;
 *
 *   Handles     context, dataset, model, optimizer and evaluation own their C handle. They can be moved, not copied,
 *               and destroyed in any order. One that was moved from is empty: every use but assignment, destruction
 *               and the test `if (model)` throws vae::error with VAE_ERROR_ARGUMENT. get() lends the C handle.
 *   Errors      A call that fails throws vae::error, which has the status and, as what(), the message.
 *   Views       vae::span is std::span where the standard library has one, else a small one of its own. Rows are
 *               contiguous and row-major; their number is the length divided by the width. Lengths that do not fit
 *               are VAE_ERROR_WIDTH before the C function is called. An output that may be left out also takes
 *               nullptr. Functions without outputs among their parameters return vectors.
 *   Texts       Functions that take vae::text accept a C string or a std::string, and do not copy it. The texts that
 *               they return are borrowed: vae.h says how long they are valid.
 *   Callbacks   Lambdas and other callables. An exception that one throws does not pass through C: it is kept, the C
 *               function is asked to stop, and when it has returned the exception is thrown again from the member
 *               function that was called. One of a log callback stops vae_train and vae_evaluate; any other call has
 *               then run to its end, and what it did stays (a constructor's object is destroyed). One of an
 *               allocation is VAE_ERROR_MEMORY to the C function and replaces that error. Destructors drop them.
 *   Threads     As in vae.h: const member functions from many threads at once, the others alone. */
#ifndef VAE_HPP
#define VAE_HPP

#include "vae.h"

#include <array>
#include <cstddef>
#include <cstdint>
#include <exception>
#include <functional>
#include <initializer_list>
#include <memory>
#include <mutex>
#include <optional>
#include <stdexcept>
#include <string>
#include <string_view>
#include <thread>
#include <type_traits>
#include <utility>
#include <vector>
#if __has_include(<version>)
#include <version>
#endif
#if defined(__cpp_lib_span)
#include <span>
#endif

namespace vae {

/* ---- Errors, texts, views -------------------------------------------------------------------- */

class error : public std::runtime_error {
  public:
    error(vae_status status, const std::string &message)
        : std::runtime_error(message), status_(status) {}
    vae_status status() const noexcept {
        return status_;
    }
    const char *name() const noexcept {
        return vae_status_name(status_);
    }

  private:
    vae_status status_;
};

/* A C string that somebody else owns. */
class text {
  public:
    constexpr text() noexcept = default;
    constexpr text(std::nullptr_t) noexcept {}
    constexpr text(const char *characters) noexcept : characters_(characters) {}
    text(const std::string &characters) : characters_(characters.c_str()) {
        if (characters.find('\0') != std::string::npos)
            throw error(VAE_ERROR_TEXT, "vae::text: a byte 0 within the text");
    }
    constexpr const char *c_str() const noexcept {
        return characters_;
    }
    constexpr std::string_view view() const noexcept {
        return characters_ ? std::string_view(characters_) : std::string_view();
    }
    constexpr operator std::string_view() const noexcept {
        return view();
    }
    std::string str() const {
        return std::string(view());
    }

  private:
    const char *characters_ = nullptr;
};

inline bool operator==(text a, text b) noexcept {
    return a.view() == b.view();
}
inline bool operator!=(text a, text b) noexcept {
    return a.view() != b.view();
}

#if defined(__cpp_lib_span)
template <class T> using span = std::span<T>;
#else
/* What this header needs of std::span: made of a pointer and a length, an array, or anything contiguous with data()
 * and size(). */
template <class T> class span {
    template <class U>
    using convertible = std::enable_if_t<std::is_convertible_v<U (*)[], T (*)[]>>;
    template <class C> using element = std::remove_pointer_t<decltype(std::declval<C &>().data())>;

  public:
    using element_type = T;
    using value_type = std::remove_cv_t<T>;

    constexpr span() noexcept = default;
    constexpr span(T *data, std::size_t size) noexcept : data_(data), size_(size) {}
    template <class U, std::size_t n, class = convertible<U>>
    constexpr span(U (&array)[n]) noexcept : data_(array), size_(n) {}
    template <class C, class = convertible<element<C>>,
              class = decltype(std::declval<C &>().size()),
              class = std::enable_if_t<std::is_lvalue_reference_v<C> || std::is_const_v<T>>>
    constexpr span(C &&container) : data_(container.data()), size_(container.size()) {}
    constexpr T *data() const noexcept {
        return data_;
    }
    constexpr std::size_t size() const noexcept {
        return size_;
    }
    constexpr bool empty() const noexcept {
        return size_ == 0;
    }
    constexpr T *begin() const noexcept {
        return data_;
    }
    constexpr T *end() const noexcept {
        return data_ + size_;
    }
    constexpr T &operator[](std::size_t index) const {
        return data_[index];
    }

  private:
    T *data_ = nullptr;
    std::size_t size_ = 0;
};
#endif

/* A span to be written, or nullptr where the result is not wanted. */
template <class T> class output {
  public:
    constexpr output(std::nullptr_t) noexcept {}
    template <class R, class = std::enable_if_t<std::is_convertible_v<R &&, span<T>>>>
    constexpr output(R &&values) : values_(std::forward<R>(values)), wanted_(true) {}
    constexpr bool wanted() const noexcept {
        return wanted_;
    }
    constexpr span<T> values() const noexcept {
        return values_;
    }

  private:
    span<T> values_;
    bool wanted_ = false;
};

/* ---- Inside ---------------------------------------------------------------------------------- */

namespace detail {

/* What a context calls, and what these calls threw. Every handle of the context shares it, since the C library calls
 * as long as one of them lives. An exception belongs to the thread it was thrown on, which is that of the C call. */
class host {
  public:
    std::function<void *(std::size_t)> allocate;
    std::function<void(void *)> release;
    std::function<void(std::int32_t, text)> log;

    /* In a catch block. */
    void keep(bool only_if_failed) noexcept {
        try {
            const std::lock_guard<std::mutex> lock(mutex_);
            kept_.push_back({std::this_thread::get_id(), std::current_exception(), only_if_failed});
        } catch (...) { // without memory to keep it, it is lost
        }
    }
    bool has_kept() noexcept {
        const std::lock_guard<std::mutex> lock(mutex_);
        for (const exception &one : kept_)
            if (one.thread == std::this_thread::get_id() && !one.only_if_failed) return true;
        return false;
    }
    /* Forgets this thread's exceptions; returns the first that counts, or none. */
    std::exception_ptr take(bool failed) noexcept {
        const std::lock_guard<std::mutex> lock(mutex_);
        std::exception_ptr first;
        for (auto one = kept_.begin(); one != kept_.end();) {
            if (one->thread != std::this_thread::get_id()) {
                ++one;
                continue;
            }
            if (!first && (failed || !one->only_if_failed)) first = one->pointer;
            one = kept_.erase(one);
        }
        return first;
    }

  private:
    struct exception {
        std::thread::id thread;
        std::exception_ptr pointer;
        bool only_if_failed;
    };
    std::mutex mutex_;
    std::vector<exception> kept_;
};

using shared_host = std::shared_ptr<host>;

/* After a C call: throws what the call's callback or a callback of these hosts threw, or else the call's error. */
inline vae_status finish(vae_status status, std::initializer_list<host *> hosts,
                         std::exception_ptr thrown = nullptr) {
    for (host *one : hosts) {
        std::exception_ptr taken = one ? one->take(status < 0) : nullptr;
        if (!thrown) thrown = std::move(taken);
    }
    if (thrown) std::rethrow_exception(thrown);
    if (status < 0) throw error(status, vae_last_error());
    return status;
}

[[noreturn]] inline void wrong_size(const char *what, std::size_t found, std::size_t expected) {
    throw error(VAE_ERROR_WIDTH, std::string("vae.hpp: ") + what + " has " + std::to_string(found) +
                                     " values; expected " + std::to_string(expected));
}

/* rows x width, where a product past the largest size is an error. */
inline std::size_t product(std::size_t rows, std::size_t width) {
    if (width > 0 && rows > static_cast<std::size_t>(-1) / width)
        throw error(VAE_ERROR_ARGUMENT, "vae.hpp: " + std::to_string(rows) + " rows of " +
                                            std::to_string(width) + " values are too many");
    return rows * width;
}

inline std::size_t rows_of(const char *what, std::size_t values, std::size_t width) {
    if (width == 0 ? values > 0 : values % width > 0)
        throw error(VAE_ERROR_WIDTH, std::string("vae.hpp: ") + what + " has " +
                                         std::to_string(values) +
                                         " values, which is no whole number of rows of width " +
                                         std::to_string(width));
    return width == 0 ? 0 : values / width;
}

template <class T>
T *exactly(const char *what, span<T> values, std::size_t rows, std::size_t width) {
    const std::size_t expected = product(rows, width);
    if (values.size() != expected) wrong_size(what, values.size(), expected);
    return values.data();
}

template <class T>
T *exactly(const char *what, const output<T> &values, std::size_t rows, std::size_t width) {
    return values.wanted() ? exactly(what, values.values(), rows, width) : nullptr;
}

/* A text of a C function that takes a buffer, its size and where the needed size goes. */
template <class F> std::string filled(const shared_host &shared, F call) {
    std::string buffer(511, '\0');
    std::size_t length = 0;
    finish(call(&buffer[0], buffer.size() + 1, &length), {shared.get()});
    if (length > buffer.size() + 1) {
        buffer.resize(length - 1);
        finish(call(&buffer[0], buffer.size() + 1, &length), {shared.get()});
    }
    buffer.resize(length > 0 ? length - 1 : 0);
    return buffer;
}

template <class F> std::vector<std::size_t> shape_of(const shared_host &shared, F call) {
    std::vector<std::size_t> shape(8);
    std::size_t rank = 0;
    finish(call(shape.data(), shape.size(), &rank), {shared.get()});
    shape.resize(rank);
    return shape;
}

inline vae_step_report empty_report() noexcept {
    vae_step_report report = {};
    report.struct_size = sizeof report;
    return report;
}

/* A callable during one C call, and what it threw. It returns true to go on and false to stop, or nothing. */
template <class F> class callback {
  public:
    callback(F &function, std::array<host *, 3> hosts) noexcept
        : function_(function), hosts_(hosts) {}
    template <class... A> std::int32_t call(A &&...arguments) noexcept {
        using result = std::invoke_result_t<F &, A...>;
        static_assert(std::is_void_v<result> || std::is_same_v<result, bool>,
                      "a callback returns bool, true to go on and false to stop, or nothing");
        for (host *one : hosts_)
            if (one && one->has_kept()) return 1;
        try {
            if constexpr (std::is_void_v<result>) {
                std::invoke(function_, std::forward<A>(arguments)...);
                return 0;
            } else {
                return std::invoke(function_, std::forward<A>(arguments)...) ? 0 : 1;
            }
        } catch (...) {
            thrown_ = std::current_exception();
            return 1;
        }
    }
    const std::exception_ptr &thrown() const noexcept {
        return thrown_;
    }

  private:
    F &function_;
    std::array<host *, 3> hosts_;
    std::exception_ptr thrown_;
};

/* Owner of a C handle. The host goes after the handle, whose destruction may still call it. */
template <class T, void (*destroy)(T *)> class handle {
  public:
    handle(const handle &) = delete;
    handle &operator=(const handle &) = delete;
    explicit operator bool() const noexcept {
        return pointer_ != nullptr;
    }
    /* The C handle, still owned by this object. */
    T *get() const {
        if (!pointer_)
            throw error(VAE_ERROR_ARGUMENT,
                        "vae.hpp: a handle is used that is empty: it was moved from");
        return pointer_;
    }
    const shared_host &shared() const noexcept {
        return host_;
    }

  protected:
    handle() noexcept = default;
    explicit handle(shared_host shared) noexcept : host_(std::move(shared)) {}
    handle(handle &&other) noexcept
        : host_(std::move(other.host_)), pointer_(std::exchange(other.pointer_, nullptr)) {}
    handle &operator=(handle &&other) noexcept {
        handle moved(std::move(other));
        std::swap(host_, moved.host_);
        std::swap(pointer_, moved.pointer_);
        return *this;
    }
    ~handle() {
        if (pointer_) destroy(pointer_);
        if (host_) host_->take(true); // what its callbacks threw meanwhile can go nowhere
    }
    void check(vae_status status) const {
        finish(status, {host_.get()});
    }

    shared_host host_;
    T *pointer_ = nullptr;
};

} // namespace detail

/* ---- Version and status ---------------------------------------------------------------------- */

inline text status_name(vae_status status) noexcept {
    return vae_status_name(status);
}
inline text last_error() noexcept {
    return vae_last_error();
}
inline std::uint32_t version_number() noexcept {
    return vae_version_number();
}
inline text build_info() noexcept {
    return vae_build_info();
}
inline std::int64_t constant(text name) {
    std::int64_t value = 0;
    detail::finish(vae_constant(name.c_str(), &value), {});
    return value;
}

/* ---- Context --------------------------------------------------------------------------------- */

struct context_memory {
    std::uint64_t bytes, peak_bytes, allocations;
};

class context : public detail::handle<vae_context, vae_context_destroy> {
  public:
    explicit context(text options = nullptr) : handle(std::make_shared<detail::host>()) {
        check(vae_context_create(options.c_str(), &pointer_));
    }
    /* allocate(size) returns a block aligned as malloc's, or nullptr; release(block) takes it back and does not throw.
     * Both from any thread, also at once, until the last handle of this context is gone. */
    context(text options, std::function<void *(std::size_t)> allocate,
            std::function<void(void *)> release)
        : handle(std::make_shared<detail::host>()) {
        host_->allocate = std::move(allocate);
        host_->release = std::move(release);
        check(vae_context_create_with_allocator(
            options.c_str(), host_->allocate ? call_allocate : nullptr,
            host_->release ? call_release : nullptr, host_.get(), &pointer_));
    }
    /* Takes over a C handle whose log and allocator, if any, are the caller's. */
    static context adopt(vae_context *pointer) {
        context adopted(pointer, std::make_shared<detail::host>());
        return adopted;
    }
    /* log(level, message); an empty function is silence. */
    void set_log(std::function<void(std::int32_t, text)> log) {
        vae_context *const own = get();
        host_->log.swap(log); // the old one is called no more when the C function has returned
        check(vae_context_set_log(own, host_->log ? call_log : nullptr, host_.get()));
    }
    context_memory memory() const {
        context_memory memory = {};
        check(vae_context_memory(get(), &memory.bytes, &memory.peak_bytes, &memory.allocations));
        return memory;
    }

  private:
    context(vae_context *pointer, detail::shared_host shared) : handle(std::move(shared)) {
        pointer_ = pointer;
    }
    static void *call_allocate(void *user, std::size_t size) noexcept {
        detail::host *const own = static_cast<detail::host *>(user);
        try {
            return own->allocate(size);
        } catch (...) {
            own->keep(true);
            return nullptr;
        }
    }
    static void call_release(void *user, void *block) noexcept {
        try {
            static_cast<detail::host *>(user)->release(block);
        } catch (...) { // nobody could use it
        }
    }
    static void call_log(void *user, std::int32_t level, const char *message) noexcept {
        detail::host *const own = static_cast<detail::host *>(user);
        try {
            own->log(level, message);
        } catch (...) {
            own->keep(false);
        }
    }
};

/* ---- Data set -------------------------------------------------------------------------------- */

struct column_scaling {
    double offset, range;
};

class dataset : public detail::handle<vae_dataset, vae_dataset_destroy> {
    template <class R>
    using outlives = std::enable_if_t<std::is_lvalue_reference_v<R> ||
                                      std::is_same_v<std::decay_t<R>, span<const float>> ||
                                      std::is_same_v<std::decay_t<R>, span<float>> ||
                                      std::is_same_v<std::decay_t<R>, span<const double>> ||
                                      std::is_same_v<std::decay_t<R>, span<double>> ||
                                      std::is_same_v<std::decay_t<R>, span<const std::uint8_t>> ||
                                      std::is_same_v<std::decay_t<R>, span<std::uint8_t>>>;

  public:
    dataset(const context &context, text path, text options = nullptr) : handle(context.shared()) {
        check(vae_dataset_open(context.get(), path.c_str(), options.c_str(), &pointer_));
    }
    explicit dataset(text path, text options = nullptr) {
        check(vae_dataset_open(nullptr, path.c_str(), options.c_str(), &pointer_));
    }
    /* A copy of rows in memory: float, double or std::uint8_t; the options dtype= and copy= are set here. */
    template <class R>
    static dataset copy(const context &context, R &&rows, std::size_t width,
                        text options = nullptr) {
        return from_memory(&context, std::forward<R>(rows), width, "copy=1 ", options);
    }
    template <class R> static dataset copy(R &&rows, std::size_t width, text options = nullptr) {
        return from_memory(nullptr, std::forward<R>(rows), width, "copy=1 ", options);
    }
    /* The rows themselves: they must outlive the data set and not change. A container that would be gone at the end of
     * the statement does not compile. */
    template <class R, class = outlives<R>>
    static dataset borrow(const context &context, R &&rows, std::size_t width,
                          text options = nullptr) {
        return from_memory(&context, std::forward<R>(rows), width, "copy=0 ", options);
    }
    template <class R, class = outlives<R>>
    static dataset borrow(R &&rows, std::size_t width, text options = nullptr) {
        return from_memory(nullptr, std::forward<R>(rows), width, "copy=0 ", options);
    }
    static dataset adopt(vae_dataset *pointer) {
        dataset adopted;
        adopted.pointer_ = pointer;
        return adopted;
    }
    std::size_t size() const {
        return vae_dataset_size(get());
    }
    std::size_t width() const {
        return vae_dataset_width(get());
    }
    std::size_t batch() const {
        return vae_dataset_batch(get());
    }
    std::size_t label_width() const {
        return vae_dataset_label_width(get());
    }
    std::uint64_t epoch() const {
        return vae_dataset_epoch(get());
    }
    std::uint64_t position() const {
        return vae_dataset_position(get());
    }
    std::vector<std::size_t> shape() const {
        return detail::shape_of(
            host_, [this](auto... where) { return vae_dataset_shape(get(), where...); });
    }
    text column_name(std::size_t column) const {
        return vae_dataset_column_name(get(), column);
    }
    std::uint64_t row_number(std::size_t row) const {
        return vae_dataset_row_number(get(), row);
    }
    std::string spec() const {
        return detail::filled(host_,
                              [this](auto... where) { return vae_dataset_spec(get(), where...); });
    }
    column_scaling scaling(std::size_t column) const {
        column_scaling scaling = {};
        check(vae_dataset_scaling(get(), column, &scaling.offset, &scaling.range));
        return scaling;
    }
    void read(std::size_t first, std::size_t n, span<float> x) const {
        const std::size_t values = width();
        check(vae_dataset_read(get(), first, n, detail::exactly("x", x, n, values), values));
    }
    std::vector<float> read(std::size_t first, std::size_t n) const {
        check_range(first, n);
        std::vector<float> x(detail::product(n, width()));
        read(first, n, x);
        return x;
    }
    void read_labels(std::size_t first, std::size_t n, span<double> labels) const {
        const std::size_t values = label_width();
        check(vae_dataset_read_labels(get(), first, n, detail::exactly("labels", labels, n, values),
                                      values));
    }
    std::vector<double> read_labels(std::size_t first, std::size_t n) const {
        check_range(first, n);
        std::vector<double> labels(detail::product(n, label_width()));
        read_labels(first, n, labels);
        return labels;
    }

  private:
    dataset() = default;
    /* Before memory is taken for that many rows. */
    void check_range(std::size_t first, std::size_t n) const {
        if (first > size() || n > size() - first)
            throw error(VAE_ERROR_ARGUMENT, "vae::dataset: " + std::to_string(n) +
                                                " rows from row " + std::to_string(first) +
                                                " on, but there are " + std::to_string(size()));
    }
    template <class R>
    static dataset from_memory(const context *context, R &&rows, std::size_t width,
                               const char *copy, text options) {
        static_assert(std::is_convertible_v<R &&, span<const float>> ||
                          std::is_convertible_v<R &&, span<const double>> ||
                          std::is_convertible_v<R &&, span<const std::uint8_t>>,
                      "rows are contiguous values of type float, double or std::uint8_t");
        if constexpr (std::is_convertible_v<R &&, span<const float>>) {
            return from_span(context, span<const float>(rows), width, copy, "dtype=float32 ",
                             options);
        } else if constexpr (std::is_convertible_v<R &&, span<const double>>) {
            return from_span(context, span<const double>(rows), width, copy, "dtype=float64 ",
                             options);
        } else {
            return from_span(context, span<const std::uint8_t>(rows), width, copy, "dtype=uint8 ",
                             options);
        }
    }
    template <class T>
    static dataset from_span(const context *context, span<const T> rows, std::size_t width,
                             const char *copy, const char *dtype, text options) {
        const std::string all = std::string(copy) + dtype + options.str();
        const std::size_t n = detail::rows_of("rows", rows.size(), width);
        dataset made;
        if (context) made.host_ = context->shared();
        made.check(vae_dataset_from_memory(context ? context->get() : nullptr, rows.data(), n,
                                           width, all.c_str(), &made.pointer_));
        return made;
    }
};

/* ---- Results --------------------------------------------------------------------------------- */

struct encoded { // [rows, latent] each
    std::vector<float> mean, logvar;
};
struct elbos { // one a row
    std::vector<double> elbo, reconstruction, kl;
};
struct samples { // z [rows, latent]; x_mean, x [rows, width]
    std::vector<float> z, x_mean, x;
};
struct log_likelihoods { // one a row
    std::vector<double> log_p, std_error, ess;
};
struct scores { // score one a row; by_value [rows, width]
    std::vector<double> score, by_value;
};
struct model_memory {
    std::uint64_t parameter_bytes, workspace_bytes;
};
struct optimizer_memory {
    std::uint64_t state_bytes, workspace_bytes;
};

/* What a callback of model::train sees, valid during the call. */
struct train_event {
    std::int32_t event; // VAE_EVENT_STEP or VAE_EVENT_EPOCH
    const vae_step_report &train;
    const vae_step_report *validation; // of an epoch with a validation set, else nullptr
    bool is_epoch() const noexcept {
        return event == VAE_EVENT_EPOCH;
    }
};

/* ---- Model ----------------------------------------------------------------------------------- */

class optimizer;
class evaluation;
struct checkpoint;

class model : public detail::handle<vae_model, vae_model_destroy> {
  public:
    model(const context &context, text spec) : handle(context.shared()) {
        check(vae_model_create(context.get(), spec.c_str(), &pointer_));
    }
    explicit model(text spec) {
        check(vae_model_create(nullptr, spec.c_str(), &pointer_));
    }
    static model adopt(vae_model *pointer) {
        model adopted(nullptr, pointer);
        return adopted;
    }
    static model load(const context &context, text path) {
        model loaded(context.shared(), nullptr);
        loaded.check(vae_model_load(context.get(), path.c_str(), &loaded.pointer_));
        return loaded;
    }
    static model load(text path) {
        model loaded(nullptr, nullptr);
        loaded.check(vae_model_load(nullptr, path.c_str(), &loaded.pointer_));
        return loaded;
    }
    static model load_memory(const context &context, span<const std::byte> bytes) {
        model loaded(context.shared(), nullptr);
        loaded.check(
            vae_model_load_memory(context.get(), bytes.data(), bytes.size(), &loaded.pointer_));
        return loaded;
    }
    static model load_memory(span<const std::byte> bytes) {
        model loaded(nullptr, nullptr);
        loaded.check(vae_model_load_memory(nullptr, bytes.data(), bytes.size(), &loaded.pointer_));
        return loaded;
    }
    model clone() const {
        model copied(host_, nullptr);
        copied.check(vae_model_clone(get(), &copied.pointer_));
        return copied;
    }
    void initialize(const dataset &dataset) {
        detail::finish(vae_model_initialize(get(), dataset.get()),
                       {host_.get(), dataset.shared().get()});
    }
    /* Optimizers that were made before fit the model no more. */
    void set_prior(text prior) {
        check(vae_model_set_prior(get(), prior.c_str()));
    }
    /* progress(done, total) returns nothing, or true to go on and false to stop. False if it stopped the fit; the
     * model then has the prior that it had. */
    bool fit_prior(const dataset &dataset, text options = nullptr);
    template <class F,
              class = std::enable_if_t<std::is_invocable_v<F &, std::uint64_t, std::uint64_t>>>
    bool fit_prior(const dataset &dataset, text options, F &&progress);
    void save(text path) const {
        check(vae_model_save(get(), path.c_str()));
    }
    std::vector<std::byte> save_memory() const {
        std::size_t length = 0;
        check(vae_model_save_memory(get(), nullptr, 0, &length));
        std::vector<std::byte> bytes(length);
        bytes.resize(save_memory(bytes));
        return bytes;
    }
    /* Into a buffer; returns the bytes written. One that is too small is VAE_ERROR_ARGUMENT. */
    std::size_t save_memory(span<std::byte> buffer) const {
        std::size_t length = 0;
        std::byte none;
        check(vae_model_save_memory(get(), buffer.data() ? buffer.data() : &none, buffer.size(),
                                    &length));
        return length;
    }

    std::size_t width() const {
        return vae_model_width(get());
    }
    std::size_t latent() const {
        return vae_model_latent(get());
    }
    text spec() const {
        return vae_model_spec(get());
    }
    /* A value of nullptr removes the key. */
    void set_metadata(text key, text value) {
        check(vae_model_set_metadata(get(), key.c_str(), value.c_str()));
    }
    std::optional<text> metadata(text key) const {
        return if_any(vae_model_metadata(get(), key.c_str()));
    }
    std::optional<text> metadata_key(std::size_t index) const {
        return if_any(vae_model_metadata_key(get(), index));
    }
    std::vector<double> sigma() const {
        std::vector<double> values(width());
        sigma(values);
        return values;
    }
    void sigma(span<double> sigma) const {
        check(vae_model_sigma(get(), detail::exactly("sigma", sigma, 1, width()), sigma.size()));
    }

    std::size_t parameter_count() const {
        return vae_model_parameter_count(get());
    }
    std::uint64_t parameter_total() const {
        return vae_model_parameter_total(get());
    }
    std::optional<text> parameter_name(std::size_t index) const {
        return if_any(vae_model_parameter_name(get(), index));
    }
    std::vector<std::size_t> parameter_shape(std::size_t index) const {
        return detail::shape_of(host_, [&](auto... where) {
            return vae_model_parameter_shape(get(), index, where...);
        });
    }
    std::vector<float> parameter_get(text name) const {
        std::vector<float> values(parameter_size(name));
        parameter_get(name, values);
        return values;
    }
    void parameter_get(text name, span<float> values) const {
        check(vae_model_parameter_get(get(), name.c_str(), values.data(), values.size()));
    }
    void parameter_set(text name, span<const float> values) {
        check(vae_model_parameter_set(get(), name.c_str(), values.data(), values.size()));
    }
    model_memory memory() const {
        model_memory memory = {};
        check(vae_model_memory(get(), &memory.parameter_bytes, &memory.workspace_bytes));
        return memory;
    }
    std::string plan() const {
        return detail::filled(host_,
                              [this](auto... where) { return vae_model_plan(get(), where...); });
    }

    /* ---- Training: of an optimizer of this model ---- */

    vae_step_report step(optimizer &optimizer, dataset &dataset);
    /* The report is filled also where a refused batch is thrown as an error. */
    void step(optimizer &optimizer, dataset &dataset, vae_step_report &report);
    vae_step_report step_rows(optimizer &optimizer, span<const float> x);
    void step_rows(optimizer &optimizer, span<const float> x, vae_step_report &report);

    /* callback(const train_event &) returns nothing, or true to go on and false to stop. Each returns false if the
     * callback stopped the training. */
    bool train(optimizer &optimizer, dataset &dataset, text options = nullptr);
    bool train(optimizer &optimizer, dataset &dataset, const vae::dataset &validation,
               text options = nullptr);
    template <class F, class = std::enable_if_t<std::is_invocable_v<F &, const train_event &>>>
    bool train(optimizer &optimizer, dataset &dataset, text options, F &&callback);
    template <class F, class = std::enable_if_t<std::is_invocable_v<F &, const train_event &>>>
    bool train(optimizer &optimizer, dataset &dataset, const vae::dataset &validation, text options,
               F &&callback);

    /* ---- Inference ---- */

    void encode(span<const float> x, output<float> mean, output<float> logvar) const {
        const std::size_t values = width(), n = detail::rows_of("x", x.size(), values);
        float *const to_mean = detail::exactly("mean", mean, n, latent());
        check(vae_encode(get(), x.data(), n, values, to_mean,
                         detail::exactly("logvar", logvar, n, latent())));
    }
    encoded encode(span<const float> x) const {
        const std::size_t size = detail::product(detail::rows_of("x", x.size(), width()), latent());
        encoded result = {std::vector<float>(size), std::vector<float>(size)};
        encode(x, result.mean, result.logvar);
        return result;
    }
    void decode(span<const float> z, span<float> x_mean) const {
        const std::size_t values = latent(), n = detail::rows_of("z", z.size(), values);
        check(
            vae_decode(get(), z.data(), n, values, detail::exactly("x_mean", x_mean, n, width())));
    }
    std::vector<float> decode(span<const float> z) const {
        std::vector<float> x_mean(
            detail::product(detail::rows_of("z", z.size(), latent()), width()));
        decode(z, x_mean);
        return x_mean;
    }
    void reconstruct(span<const float> x, span<float> x_mean) const {
        const std::size_t values = width(), n = detail::rows_of("x", x.size(), values);
        check(vae_reconstruct(get(), x.data(), n, values,
                              detail::exactly("x_mean", x_mean, n, values)));
    }
    std::vector<float> reconstruct(span<const float> x) const {
        std::vector<float> x_mean(x.size());
        reconstruct(x, x_mean);
        return x_mean;
    }
    void elbo(span<const float> x, std::uint64_t seed, output<double> elbo,
              output<double> reconstruction, output<double> kl) const {
        const std::size_t values = width(), n = detail::rows_of("x", x.size(), values);
        double *const to_elbo = detail::exactly("elbo", elbo, n, 1);
        double *const to_reconstruction = detail::exactly("reconstruction", reconstruction, n, 1);
        check(vae_elbo(get(), x.data(), n, values, seed, to_elbo, to_reconstruction,
                       detail::exactly("kl", kl, n, 1)));
    }
    elbos elbo(span<const float> x, std::uint64_t seed) const {
        const std::size_t n = detail::rows_of("x", x.size(), width());
        elbos result = {std::vector<double>(n), std::vector<double>(n), std::vector<double>(n)};
        elbo(x, seed, result.elbo, result.reconstruction, result.kl);
        return result;
    }
    void sample(std::size_t n, std::uint64_t seed, output<float> z, output<float> x_mean,
                output<float> x) const {
        float *const to_z = detail::exactly("z", z, n, latent());
        float *const to_x_mean = detail::exactly("x_mean", x_mean, n, width());
        check(vae_sample(get(), n, seed, to_z, to_x_mean, detail::exactly("x", x, n, width())));
    }
    samples sample(std::size_t n, std::uint64_t seed) const {
        const std::size_t size = detail::product(n, width());
        samples result = {std::vector<float>(detail::product(n, latent())),
                          std::vector<float>(size), std::vector<float>(size)};
        sample(n, seed, result.z, result.x_mean, result.x);
        return result;
    }
    /* vae_generate. False where progress, a function of rows done and in all, stopped it: rows behind those are
     * then 0. */
    bool generate(std::size_t n, std::uint64_t seed, text options, samples &made) const;
    template <class F,
              class = std::enable_if_t<std::is_invocable_v<F &, std::uint64_t, std::uint64_t>>>
    bool generate(std::size_t n, std::uint64_t seed, text options, samples &made,
                  F &&progress) const;
    void log_likelihood(span<const float> x, text options, output<double> log_p,
                        output<double> std_error, output<double> ess) const {
        const std::size_t values = width(), n = detail::rows_of("x", x.size(), values);
        double *const to_log_p = detail::exactly("log_p", log_p, n, 1);
        double *const to_std_error = detail::exactly("std_error", std_error, n, 1);
        check(vae_log_likelihood(get(), x.data(), n, values, options.c_str(), to_log_p,
                                 to_std_error, detail::exactly("ess", ess, n, 1)));
    }
    log_likelihoods log_likelihood(span<const float> x, text options = nullptr) const {
        const std::size_t n = detail::rows_of("x", x.size(), width());
        log_likelihoods result = {std::vector<double>(n), std::vector<double>(n),
                                  std::vector<double>(n)};
        log_likelihood(x, options, result.log_p, result.std_error, result.ess);
        return result;
    }
    void score(span<const float> x, text options, output<double> score,
               output<double> by_value) const {
        const std::size_t values = width(), n = detail::rows_of("x", x.size(), values);
        double *const to_score = detail::exactly("score", score, n, 1);
        check(vae_score(get(), x.data(), n, values, options.c_str(), to_score,
                        detail::exactly("by_value", by_value, n, values)));
    }
    scores score(span<const float> x, text options = nullptr) const {
        const std::size_t n = detail::rows_of("x", x.size(), width());
        scores result = {std::vector<double>(n), std::vector<double>(x.size())};
        score(x, options, result.score, result.by_value);
        return result;
    }

    /* ---- Evaluation ---- */

    /* progress(done, total) returns nothing, or true to go on and false to stop; then the evaluation is empty. The last
     * data set is the one that baselines are fitted to. */
    evaluation evaluate(const dataset &dataset, text options = nullptr) const;
    evaluation evaluate(const dataset &dataset, const vae::dataset &fitted_on,
                        text options = nullptr) const;
    template <class F,
              class = std::enable_if_t<std::is_invocable_v<F &, std::uint64_t, std::uint64_t>>>
    evaluation evaluate(const dataset &dataset, text options, F &&progress) const;
    template <class F,
              class = std::enable_if_t<std::is_invocable_v<F &, std::uint64_t, std::uint64_t>>>
    evaluation evaluate(const dataset &dataset, const vae::dataset &fitted_on, text options,
                        F &&progress) const;

  private:
    friend checkpoint load_checkpoint(const context *context, text path, dataset *dataset);

    template <class F> bool fit_prior_with(const dataset &dataset, text options, F &progress);
    template <class F>
    bool generate_with(std::size_t n, std::uint64_t seed, text options, samples &made,
                       F &progress) const;
    model(detail::shared_host shared, vae_model *pointer) : handle(std::move(shared)) {
        pointer_ = pointer;
    }
    static std::optional<text> if_any(const char *characters) {
        return characters ? std::optional<text>(characters) : std::nullopt;
    }
    /* Of a tensor that is not listed, which is one value a column, or of none of that name. */
    std::size_t parameter_size(text name) const {
        for (std::size_t i = 0; i < parameter_count(); i++) {
            if (!(text(vae_model_parameter_name(get(), i)) == name)) continue;
            std::size_t size = 1;
            for (std::size_t extent : parameter_shape(i)) size *= extent;
            return size;
        }
        return width();
    }
    template <class F>
    bool train_with(optimizer &optimizer, dataset &dataset, const vae::dataset *validation,
                    text options, F &callback);
    template <class F>
    evaluation evaluate_with(const dataset &dataset, const vae::dataset *fitted_on, text options,
                             F &progress) const;
};

/* ---- Optimizer ------------------------------------------------------------------------------- */

class optimizer : public detail::handle<vae_optimizer, vae_optimizer_destroy> {
  public:
    explicit optimizer(model &model, text options = nullptr) : handle(model.shared()) {
        check(vae_optimizer_create(model.get(), options.c_str(), &pointer_));
    }
    static optimizer adopt(vae_optimizer *pointer) {
        optimizer adopted(nullptr, pointer);
        return adopted;
    }
    void set(text options) {
        check(vae_optimizer_set(get(), options.c_str()));
    }
    std::uint64_t steps() const {
        return vae_optimizer_steps(get());
    }
    text options() const {
        return vae_optimizer_options(get());
    }
    optimizer_memory memory() const {
        optimizer_memory memory = {};
        check(vae_optimizer_memory(get(), &memory.state_bytes, &memory.workspace_bytes));
        return memory;
    }
    std::string plan() const {
        return detail::filled(
            host_, [this](auto... where) { return vae_optimizer_plan(get(), where...); });
    }

  private:
    friend checkpoint load_checkpoint(const context *context, text path, dataset *dataset);

    optimizer(detail::shared_host shared, vae_optimizer *pointer) : handle(std::move(shared)) {
        pointer_ = pointer;
    }
};

inline void model::step(optimizer &optimizer, dataset &dataset, vae_step_report &report) {
    report = detail::empty_report();
    detail::finish(vae_step(get(), optimizer.get(), dataset.get(), &report),
                   {host_.get(), dataset.shared().get()});
}
inline vae_step_report model::step(optimizer &optimizer, dataset &dataset) {
    vae_step_report report;
    step(optimizer, dataset, report);
    return report;
}
inline void model::step_rows(optimizer &optimizer, span<const float> x, vae_step_report &report) {
    const std::size_t values = width(), n = detail::rows_of("x", x.size(), values);
    report = detail::empty_report();
    check(vae_step_rows(get(), optimizer.get(), x.data(), n, values, &report));
}
inline vae_step_report model::step_rows(optimizer &optimizer, span<const float> x) {
    vae_step_report report;
    step_rows(optimizer, x, report);
    return report;
}

template <class F>
bool model::train_with(optimizer &optimizer, dataset &dataset, const vae::dataset *validation,
                       text options, F &function) {
    using callback = detail::callback<F>;
    detail::host *const validation_host = validation ? validation->shared().get() : nullptr;
    callback own(function, std::array<detail::host *, 3>{host_.get(), dataset.shared().get(),
                                                         validation_host});
    const vae_train_fn call = [](void *user, std::int32_t event, const vae_step_report *train,
                                 const vae_step_report *validated) noexcept -> std::int32_t {
        const train_event now = {event, *train, validated};
        return static_cast<callback *>(user)->call(now);
    };
    const vae_status status =
        vae_train(get(), optimizer.get(), dataset.get(), validation ? validation->get() : nullptr,
                  options.c_str(), call, &own);
    return detail::finish(status, {host_.get(), dataset.shared().get(), validation_host},
                          own.thrown()) == VAE_OK;
}
inline bool model::train(optimizer &optimizer, dataset &dataset, text options) {
    const auto go_on = [](const train_event &) {};
    return train_with(optimizer, dataset, nullptr, options, go_on);
}
inline bool model::train(optimizer &optimizer, dataset &dataset, const vae::dataset &validation,
                         text options) {
    const auto go_on = [](const train_event &) {};
    return train_with(optimizer, dataset, &validation, options, go_on);
}
template <class F, class>
bool model::train(optimizer &optimizer, dataset &dataset, text options, F &&callback) {
    return train_with(optimizer, dataset, nullptr, options, callback);
}
template <class F, class>
bool model::train(optimizer &optimizer, dataset &dataset, const vae::dataset &validation,
                  text options, F &&callback) {
    return train_with(optimizer, dataset, &validation, options, callback);
}

/* ---- Checkpoints ----------------------------------------------------------------------------- */

struct checkpoint {
    vae::model model;
    vae::optimizer optimizer;
};

inline void save_checkpoint(const model &model, const optimizer &optimizer, text path) {
    detail::finish(vae_checkpoint_save(model.get(), optimizer.get(), nullptr, path.c_str()),
                   {model.shared().get()});
}
inline void save_checkpoint(const model &model, const optimizer &optimizer, const dataset &dataset,
                            text path) {
    detail::finish(vae_checkpoint_save(model.get(), optimizer.get(), dataset.get(), path.c_str()),
                   {model.shared().get(), dataset.shared().get()});
}

/* context and dataset may be nullptr. */
inline checkpoint load_checkpoint(const context *context, text path, dataset *dataset) {
    const detail::shared_host shared = context ? context->shared() : nullptr;
    checkpoint loaded = {model(shared, nullptr), optimizer(shared, nullptr)};
    detail::finish(vae_checkpoint_load(context ? context->get() : nullptr, path.c_str(),
                                       dataset ? dataset->get() : nullptr, &loaded.model.pointer_,
                                       &loaded.optimizer.pointer_),
                   {shared.get(), dataset ? dataset->shared().get() : nullptr});
    return loaded;
}
inline checkpoint load_checkpoint(const context &context, text path, dataset &dataset) {
    return load_checkpoint(&context, path, &dataset);
}
inline checkpoint load_checkpoint(const context &context, text path) {
    return load_checkpoint(&context, path, nullptr);
}
inline checkpoint load_checkpoint(text path, dataset &dataset) {
    return load_checkpoint(nullptr, path, &dataset);
}
inline checkpoint load_checkpoint(text path) {
    return load_checkpoint(nullptr, path, nullptr);
}

/* ---- The fit of a prior ---------------------------------------------------------------------- */

template <class F> bool model::fit_prior_with(const dataset &dataset, text options, F &function) {
    using callback = detail::callback<F>;
    callback own(function,
                 std::array<detail::host *, 3>{host_.get(), dataset.shared().get(), nullptr});
    const vae_progress_fn call = [](void *user, std::uint64_t done,
                                    std::uint64_t total) noexcept -> std::int32_t {
        return static_cast<callback *>(user)->call(done, total);
    };
    const vae_status status =
        vae_model_fit_prior(get(), dataset.get(), options.c_str(), call, &own);
    return detail::finish(status, {host_.get(), dataset.shared().get()}, own.thrown()) == VAE_OK;
}
inline bool model::fit_prior(const dataset &dataset, text options) {
    const auto go_on = [](std::uint64_t, std::uint64_t) {};
    return fit_prior_with(dataset, options, go_on);
}
template <class F, class>
bool model::fit_prior(const dataset &dataset, text options, F &&progress) {
    return fit_prior_with(dataset, options, progress);
}

/* ---- Rows from the prior --------------------------------------------------------------------- */

template <class F>
bool model::generate_with(std::size_t n, std::uint64_t seed, text options, samples &made,
                          F &function) const {
    using callback = detail::callback<F>;
    callback own(function, std::array<detail::host *, 3>{host_.get(), nullptr, nullptr});
    const vae_progress_fn call = [](void *user, std::uint64_t done,
                                    std::uint64_t total) noexcept -> std::int32_t {
        return static_cast<callback *>(user)->call(done, total);
    };
    const std::size_t size = detail::product(n, width());
    made = {std::vector<float>(detail::product(n, latent())), std::vector<float>(size),
            std::vector<float>(size)};
    const vae_status status = vae_generate(get(), n, seed, options.c_str(), call, &own,
                                           made.z.data(), made.x_mean.data(), made.x.data());
    return detail::finish(status, {host_.get()}, own.thrown()) == VAE_OK;
}
inline bool model::generate(std::size_t n, std::uint64_t seed, text options, samples &made) const {
    const auto go_on = [](std::uint64_t, std::uint64_t) {};
    return generate_with(n, seed, options, made, go_on);
}
template <class F, class>
bool model::generate(std::size_t n, std::uint64_t seed, text options, samples &made,
                     F &&progress) const {
    return generate_with(n, seed, options, made, progress);
}

/* ---- Evaluation ------------------------------------------------------------------------------ */

/* Empty where progress stopped it. */
class evaluation : public detail::handle<vae_evaluation, vae_evaluation_destroy> {
  public:
    /* latent: of the model that was evaluated. */
    static evaluation adopt(vae_evaluation *pointer, std::size_t latent) {
        evaluation adopted(nullptr, latent);
        adopted.pointer_ = pointer;
        return adopted;
    }
    double value(vae::text name) const {
        double value = 0;
        check(vae_evaluation_value(get(), name.c_str(), &value));
        return value;
    }
    std::vector<double> latents(vae::text name) const {
        std::vector<double> values(latent_);
        latents(name, values);
        return values;
    }
    void latents(vae::text name, span<double> values) const {
        check(vae_evaluation_latents(get(), name.c_str(),
                                     detail::exactly("values", values, 1, latent_), latent_));
    }
    vae::text text() const {
        return vae_evaluation_text(get());
    }

  private:
    friend class model;

    evaluation(detail::shared_host shared, std::size_t latent)
        : handle(std::move(shared)), latent_(latent) {}

    std::size_t latent_;
};

template <class F>
evaluation model::evaluate_with(const dataset &dataset, const vae::dataset *fitted_on, text options,
                                F &function) const {
    using callback = detail::callback<F>;
    detail::host *const fitted_host = fitted_on ? fitted_on->shared().get() : nullptr;
    callback own(function,
                 std::array<detail::host *, 3>{host_.get(), dataset.shared().get(), fitted_host});
    const vae_progress_fn call = [](void *user, std::uint64_t done,
                                    std::uint64_t total) noexcept -> std::int32_t {
        return static_cast<callback *>(user)->call(done, total);
    };
    evaluation made(host_, latent());
    const vae_status status =
        vae_evaluate(get(), dataset.get(), fitted_on ? fitted_on->get() : nullptr, options.c_str(),
                     call, &own, &made.pointer_);
    detail::finish(status, {host_.get(), dataset.shared().get(), fitted_host}, own.thrown());
    return made;
}
inline evaluation model::evaluate(const dataset &dataset, text options) const {
    const auto go_on = [](std::uint64_t, std::uint64_t) {};
    return evaluate_with(dataset, nullptr, options, go_on);
}
inline evaluation model::evaluate(const dataset &dataset, const vae::dataset &fitted_on,
                                  text options) const {
    const auto go_on = [](std::uint64_t, std::uint64_t) {};
    return evaluate_with(dataset, &fitted_on, options, go_on);
}
template <class F, class>
evaluation model::evaluate(const dataset &dataset, text options, F &&progress) const {
    return evaluate_with(dataset, nullptr, options, progress);
}
template <class F, class>
evaluation model::evaluate(const dataset &dataset, const vae::dataset &fitted_on, text options,
                           F &&progress) const {
    return evaluate_with(dataset, &fitted_on, options, progress);
}

} // namespace vae
#endif

/* Every function of vae.hpp: results against the C functions, errors, moves, callbacks that throw. */
#include "vae.hpp"

#include <algorithm>
#include <cmath>
#include <cstdlib>
#include <numeric>

#include "check.hpp"

namespace {

constexpr std::size_t rows = 40, width = 6, latent = 2;
constexpr const char *spec =
    "input=6 latent=2 likelihood=bernoulli encoder=[dense 5, tanh] decoder=[dense 5, tanh]";

std::vector<float> bits() {
    std::vector<float> x(rows * width);
    for (std::size_t i = 0; i < x.size(); i++) x[i] = static_cast<float>(i * 7 % 5 < 2);
    return x;
}

template <class H>
constexpr bool only_moves =
    !std::is_copy_constructible_v<H> && !std::is_copy_assignable_v<H> &&
    std::is_nothrow_move_constructible_v<H> && std::is_nothrow_move_assignable_v<H>;
static_assert(only_moves<vae::context> && only_moves<vae::dataset> && only_moves<vae::model> &&
              only_moves<vae::optimizer> && only_moves<vae::evaluation>);

/* Whether dataset::borrow takes an R. */
template <class R, class = void> constexpr bool can_borrow = false;
template <class R>
constexpr bool can_borrow<R, std::void_t<decltype(vae::dataset::borrow(std::declval<R>(), 1))>> =
    true;
static_assert(can_borrow<std::vector<float> &> && can_borrow<const std::vector<double> &> &&
              can_borrow<vae::span<const float>> && !can_borrow<std::vector<float>>);

struct trained {
    vae::context context{"threads=2"};
    std::vector<float> x = bits();
    vae::dataset data = vae::dataset::borrow(context, x, width, "batch=8");
    vae::model model{context, spec};
    vae::optimizer optimizer{model, "adam lr=1e-2"};
};

void version() {
    CHECK(vae::version_number() == vae_version_number());
    CHECK(vae::build_info() == vae_build_info());
    CHECK(vae::status_name(VAE_ERROR_TEXT) == "VAE_ERROR_TEXT");
    CHECK(vae::constant("VAE_ERROR_WIDTH") == VAE_ERROR_WIDTH);
    CHECK(vae::constant(std::string("VAE_OK")) == VAE_OK);
    CHECK_ERROR(vae::constant("VAE_NONE"), VAE_ERROR_ARGUMENT, "VAE_NONE");
    CHECK(vae::last_error().view().find("VAE_NONE") != std::string_view::npos);
    CHECK_ERROR(vae::constant(std::string("VAE_OK\0x", 8)), VAE_ERROR_TEXT, "byte 0");
    CHECK(std::isfinite(first_mean_of_another_file()));
}

void moves() {
    trained t;
    const vae_model *const pointer = t.model.get();
    vae::model moved = std::move(t.model);
    CHECK(moved.get() == pointer && moved && !t.model);
    CHECK_ERROR(t.model.get(), VAE_ERROR_ARGUMENT, "moved from");
    CHECK_ERROR(t.model.width(), VAE_ERROR_ARGUMENT, "moved from");
    CHECK_ERROR(t.model.spec(), VAE_ERROR_ARGUMENT, "moved from");
    CHECK_ERROR(t.model.encode(t.x), VAE_ERROR_ARGUMENT, "moved from");
    CHECK_ERROR(t.model.sample(1, 1), VAE_ERROR_ARGUMENT, "moved from");
    CHECK_ERROR(t.model.step(t.optimizer, t.data), VAE_ERROR_ARGUMENT, "moved from");
    CHECK_ERROR(t.model.train(t.optimizer, t.data), VAE_ERROR_ARGUMENT, "moved from");
    CHECK_ERROR(vae::optimizer(t.model), VAE_ERROR_ARGUMENT, "moved from");
    vae::model &alias = moved;
    moved = std::move(alias); // to itself: nothing happens
    CHECK(moved && moved.get() == pointer && moved.width() == width);
    t.model = std::move(moved);
    CHECK(t.model.get() == pointer);
    t.model = vae::model("input=3 latent=1 likelihood=gaussian encoder=[] decoder=[]");
    CHECK(t.model.width() == 3);
    CHECK_ERROR(t.model.step(t.optimizer, t.data), VAE_ERROR_MISMATCH, "vae_step");

    vae::context context = std::move(t.context);
    CHECK_ERROR(t.context.memory(), VAE_ERROR_ARGUMENT, "moved from");
    CHECK_ERROR(t.context.set_log(nullptr), VAE_ERROR_ARGUMENT, "moved from");
    CHECK_ERROR(vae::model(t.context, spec), VAE_ERROR_ARGUMENT, "moved from");
    vae::dataset data = std::move(t.data);
    CHECK_ERROR(t.data.size(), VAE_ERROR_ARGUMENT, "moved from");
    CHECK(data.size() == rows);
    vae::optimizer optimizer = std::move(t.optimizer);
    CHECK_ERROR(t.optimizer.steps(), VAE_ERROR_ARGUMENT, "moved from");
    CHECK(optimizer.steps() == 0);
    std::swap(data, t.data);
    CHECK(t.data && !data);
}

void any_order() {
    int order[] = {0, 1, 2, 3, 4};
    do {
        auto t = std::make_unique<trained>();
        std::optional<vae::context> context(std::move(t->context));
        int lines = 0;
        context->set_log([&lines](std::int32_t, vae::text) { lines++; });
        std::optional<vae::dataset> data(std::move(t->data));
        std::optional<vae::model> model(std::move(t->model));
        std::optional<vae::optimizer> optimizer(std::move(t->optimizer));
        model->train(*optimizer, *data);
        std::optional<vae::evaluation> evaluation(model->evaluate(*data));
        for (int which : order) {
            if (which == 0) context.reset();
            if (which == 1) data.reset();
            if (which == 2) model.reset();
            if (which == 3) optimizer.reset();
            if (which == 4) evaluation.reset();
            if (evaluation) CHECK(std::isfinite(evaluation->value("elbo")));
            if (model && data) CHECK(model->evaluate(*data).value("rows") == double(rows));
        }
    } while (std::next_permutation(order, order + 5));
}

void datasets() {
    std::vector<float> x = bits();
    std::vector<double> doubles(x.begin(), x.end());
    std::vector<std::uint8_t> bytes(x.size());
    for (std::size_t i = 0; i < x.size(); i++) bytes[i] = x[i] > 0 ? 255 : 0;
    vae::context context;
    const vae::dataset copied = vae::dataset::copy(context, bits(), width, "batch=8 shuffle=0");
    const vae::dataset borrowed = vae::dataset::borrow(context, x, width);
    const vae::dataset of_doubles = vae::dataset::borrow(doubles, width);
    const vae::dataset of_bytes = vae::dataset::copy(bytes, width);
    for (const vae::dataset *data : {&copied, &borrowed, &of_doubles, &of_bytes}) {
        CHECK(data->size() == rows && data->width() == width && data->label_width() == 0);
        CHECK(data->read(0, rows) == x);
    }
    x[0] = 0.5f;
    CHECK(borrowed.read(0, 1)[0] == 0.5f && copied.read(0, 1)[0] == 1.0f);
    x[0] = 1.0f;
    CHECK(copied.batch() == 8 && copied.epoch() == 0 && copied.position() == 0);
    CHECK(copied.shape() == std::vector<std::size_t>{width});
    CHECK(copied.column_name(0) == "" && copied.row_number(3) == 3 &&
          copied.row_number(rows) == UINT64_MAX);
    CHECK(copied.spec().find("likelihood=bernoulli") != std::string::npos);
    CHECK(of_bytes.scaling(0).range == 255.0 && of_bytes.scaling(0).offset == 0.0);
    CHECK_ERROR(copied.scaling(width), VAE_ERROR_ARGUMENT, "vae_dataset_scaling");
    CHECK_ERROR(copied.read_labels(0, 1), VAE_ERROR_UNSUPPORTED, "vae_dataset_read_labels");
    CHECK_ERROR(copied.read(0, rows + 1), VAE_ERROR_ARGUMENT, "rows");
    CHECK_ERROR(copied.read(SIZE_MAX, SIZE_MAX), VAE_ERROR_ARGUMENT, "rows");
    std::vector<float> narrow(width - 1);
    CHECK_ERROR(copied.read(0, 1, narrow), VAE_ERROR_WIDTH, "x has 5 values; expected 6");
    CHECK_ERROR(vae::dataset::copy(std::vector<float>(7), 3), VAE_ERROR_WIDTH, "rows has 7 values");
    CHECK_ERROR(vae::dataset::copy(std::vector<float>(7), 0), VAE_ERROR_WIDTH, "width 0");
    CHECK_ERROR(vae::dataset::copy(std::vector<float>(), 3), VAE_ERROR_ARGUMENT, "rows is NULL");
    CHECK_ERROR(vae::dataset::copy(x, width, "batch=0"), VAE_ERROR_TEXT, "batch");
    CHECK_ERROR(vae::dataset("no/such/file"), VAE_ERROR_FILE, "no/such/file");
    vae::dataset sprites(context, "sprites:20", "split=train:0.5");
    CHECK(sprites.size() == 10 && sprites.shape() == (std::vector<std::size_t>{1, 32, 32}));
    CHECK(sprites.read_labels(0, 10).size() == 10 * sprites.label_width());
    vae_dataset *raw = nullptr;
    CHECK(vae_dataset_open(nullptr, "sprites:3", nullptr, &raw) == VAE_OK);
    CHECK(vae::dataset::adopt(raw).size() == 3);
}

void models() {
    trained t;
    CHECK_ERROR(vae::model("input=6 latent=2 likelihood=bernouli"), VAE_ERROR_TEXT, "bernoulli");
    CHECK(t.model.width() == width && t.model.latent() == latent);
    CHECK(t.model.spec() == vae_model_spec(t.model.get()) && t.model.spec() != "");
    CHECK(vae::model(t.model.spec()).spec() == t.model.spec());
    t.model.initialize(t.data);
    t.model.set_metadata("host.note", std::string("a note"));
    CHECK(t.model.metadata("host.note") == vae::text("a note") &&
          t.model.metadata_key(0) == vae::text("host.note"));
    CHECK(!t.model.metadata("host.other") && !t.model.metadata_key(1));
    t.model.set_metadata("host.note", nullptr);
    CHECK(!t.model.metadata("host.note"));
    CHECK_ERROR(t.model.sigma(), VAE_ERROR_UNSUPPORTED, "sigma");
    vae::model gaussian("input=3 latent=1 likelihood=gaussian sigma=0.5 encoder=[] decoder=[]");
    CHECK(gaussian.sigma() == std::vector<double>(3, 0.5));
    std::vector<double> two(2);
    CHECK_ERROR(gaussian.sigma(two), VAE_ERROR_WIDTH, "sigma has 2 values; expected 3");

    std::uint64_t total = 0;
    for (std::size_t i = 0; i < t.model.parameter_count(); i++) {
        const vae::text name = t.model.parameter_name(i).value();
        const std::vector<std::size_t> shape = t.model.parameter_shape(i);
        std::vector<float> values = t.model.parameter_get(name);
        CHECK(values.size() ==
              std::accumulate(shape.begin(), shape.end(), std::size_t(1), std::multiplies<>()));
        total += values.size();
    }
    CHECK(total == t.model.parameter_total() && !t.model.parameter_name(t.model.parameter_count()));
    std::vector<float> weight = t.model.parameter_get("encoder.0.bias");
    weight[0] = 3;
    t.model.parameter_set("encoder.0.bias", weight);
    CHECK(t.model.parameter_get("encoder.0.bias") == weight);
    CHECK_ERROR(t.model.parameter_get("encoder.9.bias"), VAE_ERROR_ARGUMENT, "encoder.9.bias");
    CHECK_ERROR(
        t.model.parameter_set("encoder.0.bias", two.empty() ? weight : std::vector<float>(2)),
        VAE_ERROR_WIDTH, "encoder.0.bias");
    CHECK(t.model.memory().parameter_bytes > 0);
    CHECK(t.model.plan().size() == std::strlen(t.model.plan().c_str()) &&
          t.model.plan().size() > 600);

    const vae::model clone = t.model.clone();
    CHECK(clone.get() != t.model.get() && clone.encode(t.x).mean == t.model.encode(t.x).mean);
    vae_model *raw = nullptr;
    CHECK(vae_model_create(nullptr, spec, &raw) == VAE_OK);
    CHECK(vae::model::adopt(raw).get() == raw);
}

void files() {
    trained t;
    t.model.train(t.optimizer, t.data, "epochs=2");
    const std::vector<std::byte> bytes = t.model.save_memory();
    const vae::model loaded = vae::model::load_memory(t.context, bytes);
    CHECK(loaded.spec() == t.model.spec() && loaded.save_memory() == bytes);
    CHECK(loaded.decode(std::vector<float>(latent)) == t.model.decode(std::vector<float>(latent)));
    CHECK(vae::model::load_memory(bytes).save_memory() == bytes);
    std::vector<std::byte> small(bytes.size() - 1), large(bytes.size() + 1);
    CHECK_ERROR(t.model.save_memory(small), VAE_ERROR_ARGUMENT, "vae_model_save_memory");
    CHECK_ERROR(t.model.save_memory(vae::span<std::byte>()), VAE_ERROR_ARGUMENT,
                "vae_model_save_memory");
    CHECK(t.model.save_memory(large) == bytes.size());
    CHECK_ERROR(vae::model::load_memory(small), VAE_ERROR_FORMAT, "header");

    t.model.save("cpp-model.safetensors");
    CHECK(vae::model::load(t.context, "cpp-model.safetensors").save_memory() == bytes);
    CHECK(vae::model::load("cpp-model.safetensors").save_memory() == bytes);
    CHECK_ERROR(vae::model::load("no-such-file"), VAE_ERROR_FILE, "no-such-file");
    CHECK_ERROR(vae::load_checkpoint("cpp-model.safetensors"), VAE_ERROR_FORMAT,
                "holds a model and no training");

    vae::save_checkpoint(t.model, t.optimizer, t.data, "cpp-checkpoint.safetensors");
    vae::dataset again = vae::dataset::borrow(t.context, t.x, width, "batch=8");
    vae::checkpoint resumed = vae::load_checkpoint(t.context, "cpp-checkpoint.safetensors", again);
    CHECK(again.epoch() == 2 && resumed.optimizer.steps() == t.optimizer.steps());
    const vae_step_report one = t.model.step(t.optimizer, t.data);
    const vae_step_report other = resumed.model.step(resumed.optimizer, again);
    CHECK(one.elbo == other.elbo && one.step == other.step);
    CHECK(resumed.model.save_memory() == t.model.save_memory());
    vae::save_checkpoint(t.model, t.optimizer, "cpp-checkpoint.safetensors");
    CHECK(vae::load_checkpoint("cpp-checkpoint.safetensors").optimizer.options() ==
          t.optimizer.options());
    CHECK(vae::load_checkpoint(t.context, "cpp-checkpoint.safetensors").model.width() == width);
    CHECK_ERROR(vae::load_checkpoint("cpp-checkpoint.safetensors", again), VAE_ERROR_MISMATCH, "");
    std::remove("cpp-model.safetensors");
    std::remove("cpp-checkpoint.safetensors");
}

void inference() {
    trained t;
    t.model.train(t.optimizer, t.data, "epochs=2");
    const vae_model *const m = t.model.get();
    std::vector<float> a(rows * latent), b(rows * latent), c(rows * width), d(rows * width);
    std::vector<double> e(rows), f(rows), g(rows), h(rows * width);

    const vae::encoded encoded = t.model.encode(t.x);
    CHECK(vae_encode(m, t.x.data(), rows, width, a.data(), b.data()) == VAE_OK);
    CHECK(encoded.mean == a && encoded.logvar == b);
    CHECK(vae_decode(m, a.data(), rows, latent, c.data()) == VAE_OK && t.model.decode(a) == c);
    CHECK(vae_reconstruct(m, t.x.data(), rows, width, c.data()) == VAE_OK &&
          t.model.reconstruct(t.x) == c);
    const vae::elbos elbos = t.model.elbo(t.x, 5);
    CHECK(vae_elbo(m, t.x.data(), rows, width, 5, e.data(), f.data(), g.data()) == VAE_OK);
    CHECK(elbos.elbo == e && elbos.reconstruction == f && elbos.kl == g);
    const vae::samples samples = t.model.sample(rows, 7);
    CHECK(vae_sample(m, rows, 7, a.data(), c.data(), d.data()) == VAE_OK);
    CHECK(samples.z == a && samples.x_mean == c && samples.x == d);
    const vae::log_likelihoods likelihoods = t.model.log_likelihood(t.x, "samples=20 seed=3");
    CHECK(vae_log_likelihood(m, t.x.data(), rows, width, "samples=20 seed=3", e.data(), f.data(),
                             g.data()) == VAE_OK);
    CHECK(likelihoods.log_p == e && likelihoods.std_error == f && likelihoods.ess == g);
    const vae::scores scores = t.model.score(t.x);
    CHECK(vae_score(m, t.x.data(), rows, width, nullptr, e.data(), h.data()) == VAE_OK);
    CHECK(scores.score == e && scores.by_value == h);

    std::fill(b.begin(), b.end(), 9.0f);
    t.model.encode(t.x, nullptr, b);
    CHECK(b == encoded.logvar);
    t.model.score(t.x, "at=mean", f, nullptr);
    CHECK(f == e);
    t.model.sample(rows, 7, nullptr, nullptr, d);
    CHECK(d == samples.x);
    t.model.elbo(t.x, 5, nullptr, nullptr, g);
    CHECK(g == elbos.kl);
    CHECK(t.model.encode(vae::span<const float>()).mean.empty());

    const vae::span<const float> short_x(t.x.data(), width + 1);
    std::vector<float> empty;
    CHECK_ERROR(t.model.encode(short_x), VAE_ERROR_WIDTH,
                "x has 7 values, which is no whole number of rows of width 6");
    CHECK_ERROR(t.model.encode(t.x, a, empty), VAE_ERROR_WIDTH, "logvar has 0 values; expected 80");
    CHECK_ERROR(t.model.encode(t.x, c, b), VAE_ERROR_WIDTH, "mean has 240 values; expected 80");
    CHECK_ERROR(t.model.decode(vae::span<const float>(a.data(), 3)), VAE_ERROR_WIDTH,
                "z has 3 values");
    CHECK_ERROR(t.model.decode(a, b), VAE_ERROR_WIDTH, "x_mean");
    CHECK_ERROR(t.model.reconstruct(t.x, a), VAE_ERROR_WIDTH, "x_mean");
    CHECK_ERROR(t.model.elbo(t.x, 1, e, h, nullptr), VAE_ERROR_WIDTH, "reconstruction");
    CHECK_ERROR(t.model.sample(rows - 1, 1, a, nullptr, nullptr), VAE_ERROR_WIDTH, "z");
    CHECK_ERROR(t.model.sample(SIZE_MAX, 1), VAE_ERROR_ARGUMENT, "too many");
    CHECK_ERROR(t.model.log_likelihood(t.x, nullptr, h, nullptr, nullptr), VAE_ERROR_WIDTH,
                "log_p");
    CHECK_ERROR(t.model.score(t.x, nullptr, nullptr, e), VAE_ERROR_WIDTH, "by_value");
    t.x[8] = NAN;
    CHECK_ERROR(t.model.encode(t.x), VAE_ERROR_DATA, "row 1");
}

void training() {
    trained t;
    const vae_step_report report = t.model.step(t.optimizer, t.data);
    CHECK(report.struct_size == sizeof report && report.step == 1 && report.rows == 8 &&
          t.data.position() == 8);
    CHECK(t.model.step_rows(t.optimizer, t.x).rows == rows && t.optimizer.steps() == 2);
    CHECK_ERROR(t.model.step_rows(t.optimizer, vae::span<const float>(t.x.data(), 5)),
                VAE_ERROR_WIDTH, "x has 5");
    std::vector<float> bad(width, NAN);
    vae_step_report refused;
    CHECK_ERROR(t.model.step_rows(t.optimizer, bad, refused), VAE_ERROR_DATA, "row 0");
    CHECK(refused.flags == VAE_STEP_REFUSED && t.optimizer.steps() == 2);
    t.optimizer.set("lr=1e-4");
    CHECK(t.optimizer.options().view().find("lr=0.0001") != std::string_view::npos);
    CHECK_ERROR(t.optimizer.set("lr=-1"), VAE_ERROR_TEXT, "lr");
    CHECK(t.optimizer.memory().state_bytes > 0 && t.optimizer.plan().size() > 100);

    int steps = 0, epochs = 0;
    const auto count = [&](const vae::train_event &now) {
        (now.is_epoch() ? epochs : steps)++;
        CHECK(now.train.struct_size == sizeof now.train);
        CHECK((now.validation != nullptr) == now.is_epoch());
    };
    CHECK(t.model.train(t.optimizer, t.data, t.data, "epochs=2", count));
    CHECK(epochs == 2 && steps == 9); // the first batch was taken by step
    CHECK(t.model.train(t.optimizer, t.data, t.data, "epochs=1"));
    const std::uint64_t before = t.optimizer.steps();
    CHECK(!t.model.train(t.optimizer, t.data, "epochs=9",
                         [&](const vae::train_event &) { return false; }));
    CHECK(t.optimizer.steps() == before + 1);
    std::function<bool(const vae::train_event &)> go_on = [](const vae::train_event &) {
        return true;
    };
    CHECK(t.model.train(t.optimizer, t.data, nullptr, go_on));
    CHECK_ERROR(t.model.train(t.optimizer, t.data, "epoch=1"), VAE_ERROR_TEXT, "epoch");
    vae_optimizer *raw = nullptr;
    CHECK(vae_optimizer_create(t.model.get(), nullptr, &raw) == VAE_OK);
    CHECK(
        t.model.step(*std::make_unique<vae::optimizer>(vae::optimizer::adopt(raw)), t.data).step ==
        1);
}

void evaluations() {
    trained t;
    const vae::evaluation evaluation = t.model.evaluate(t.data, t.data, "samples=5");
    vae_evaluation *raw = nullptr;
    CHECK(vae_evaluate(t.model.get(), t.data.get(), t.data.get(), "samples=5", nullptr, nullptr,
                       &raw) == VAE_OK);
    const vae::evaluation same = vae::evaluation::adopt(raw, latent);
    CHECK(evaluation.value("log_p") == same.value("log_p") &&
          evaluation.latents("kl") == same.latents("kl"));
    CHECK(evaluation.text() == same.text() && evaluation.text() != "");
    CHECK_ERROR(evaluation.value("beauty"), VAE_ERROR_UNSUPPORTED, "beauty");
    std::vector<double> three(3);
    CHECK_ERROR(evaluation.latents("kl", three), VAE_ERROR_WIDTH,
                "values has 3 values; expected 2");
    std::uint64_t seen = 0;
    t.model.evaluate(t.data, "baselines=0", [&](std::uint64_t done, std::uint64_t total) {
        seen = total;
        return done <= total;
    });
    CHECK(seen > 0);
    const vae::evaluation stopped =
        t.model.evaluate(t.data, nullptr, [](std::uint64_t, std::uint64_t) { return false; });
    CHECK(!stopped);
    CHECK_ERROR(stopped.value("elbo"), VAE_ERROR_ARGUMENT, "empty");
}

void priors() {
    trained t;
    vae_model *raw = nullptr;
    CHECK(vae_model_clone(t.model.get(), &raw) == VAE_OK);
    CHECK(vae_model_set_prior(raw, "mixture:3 prior_covariance=full") == VAE_OK);
    CHECK(vae_model_fit_prior(raw, t.data.get(), "iterations=5", nullptr, nullptr) == VAE_OK);
    t.model.set_prior("mixture:3 prior_covariance=full");
    CHECK_ERROR(t.model.step(t.optimizer, t.data), VAE_ERROR_MISMATCH, "vae_model_set_prior");
    std::uint64_t last = 0;
    CHECK(t.model.fit_prior(t.data, "iterations=5", [&](std::uint64_t done, std::uint64_t total) {
        last = done;
        return done <= total;
    }));
    CHECK(last == 6 * rows);
    const vae::model same = vae::model::adopt(raw);
    CHECK(t.model.spec() == same.spec());
    CHECK(t.model.save_memory() == same.save_memory());
    const auto stop = [](std::uint64_t, std::uint64_t) { return false; };
    CHECK(!t.model.fit_prior(t.data, "seed=2", stop));
    CHECK(t.model.save_memory() == same.save_memory());
    CHECK_THROWN(
        t.model.fit_prior(t.data, "seed=2", [](std::uint64_t, std::uint64_t) { throw thrown{77}; }),
        77);
    CHECK(t.model.fit_prior(t.data));
    CHECK_ERROR(t.model.set_prior("mixtures:3"), VAE_ERROR_TEXT, "mixture");
}

void generates() {
    trained t;
    vae::samples made, cold;
    std::vector<float> z(300 * latent), mean(300 * width), x(300 * width);
    CHECK(vae_generate(t.model.get(), 300, 5, "temperature=0.5", nullptr, nullptr, z.data(),
                       mean.data(), x.data()) == VAE_OK);
    std::uint64_t last = 0;
    CHECK(t.model.generate(300, 5, "temperature=0.5", made,
                           [&](std::uint64_t done, std::uint64_t) { last = done; }));
    CHECK(last == 300 && made.z == z && made.x_mean == mean && made.x == x);
    CHECK(t.model.generate(300, 5, nullptr, made) && made.x == t.model.sample(300, 5).x);
    CHECK(!t.model.generate(300, 5, nullptr, cold,
                            [](std::uint64_t, std::uint64_t) { return false; }));
    CHECK_ERROR(t.model.generate(3, 5, "temperature=-1", cold), VAE_ERROR_TEXT, "temperature");
}

void callbacks_that_throw() {
    trained t;
    const auto thrower = [](const vae::train_event &now) {
        if (now.train.step == 3) throw thrown{33};
    };
    CHECK_THROWN(t.model.train(t.optimizer, t.data, "epochs=9", thrower), 33);
    CHECK(t.optimizer.steps() == 3); // stopped there, and what was done stands
    CHECK(t.model.train(t.optimizer, t.data));
    CHECK_THROWN(
        t.model.evaluate(t.data, nullptr, [](std::uint64_t, std::uint64_t) { throw thrown{44}; }),
        44);
    CHECK(bool(t.model.evaluate(t.data)));
    // One call within another: the inner exception goes through both.
    const auto nested = [&](const vae::train_event &) {
        t.model.evaluate(t.data, nullptr, [](std::uint64_t, std::uint64_t) { throw thrown{55}; });
    };
    CHECK_THROWN(t.model.train(t.optimizer, t.data, nullptr, nested), 55);
    // An error of the library within a callback arrives as it is.
    CHECK_ERROR(
        t.model.train(t.optimizer, t.data, nullptr,
                      [&](const vae::train_event &) { t.model.save("no/such/folder/file"); }),
        VAE_ERROR_FILE, "no/such/folder");
}

void logs() {
    vae::context context;
    std::vector<std::string> lines;
    context.set_log([&](std::int32_t, vae::text message) { lines.push_back(message.str()); });
    lines.clear();
    std::vector<float> x = bits();
    for (std::size_t i = 0; i < rows; i++) x[i * width] = 1; // a column that does not vary
    vae::dataset data = vae::dataset::borrow(context, x, width);
    const std::string real =
        "input=6 latent=2 likelihood=gaussian standardize=1 encoder=[] decoder=[]";
    vae::model model(context, real);
    model.initialize(data);
    CHECK(lines.size() == 1);
    context.set_log([](std::int32_t, vae::text) { throw thrown{66}; });
    vae::model other(context, real);
    CHECK_THROWN(other.initialize(data), 66);
    // Nothing is left of it for the next call, nor for other threads.
    CHECK(other.encode(x).mean.size() == rows * latent);
    // Training with warm-ups that last too long has a warning: the exception stops it at the next step.
    vae::optimizer optimizer(other, "warmup=100");
    CHECK_THROWN(other.train(optimizer, data, data, "epochs=2 patience=1"), 66);
    CHECK(optimizer.steps() == 1);
    context.set_log(nullptr);
    CHECK(other.train(optimizer, data, data, "epochs=2 patience=1"));
    // The log outlives the context's handle.
    auto text = std::make_shared<std::string>();
    std::weak_ptr<std::string> watched = text;
    {
        std::optional<vae::context> gone(std::in_place);
        vae::model last(*gone, real);
        gone->set_log([text](std::int32_t, vae::text message) { *text = message.str(); });
        text.reset();
        gone.reset();
        CHECK(!watched.expired());
        last.initialize(data);
        CHECK(watched.lock() && watched.lock()->find("vary") != std::string::npos);
    }
    CHECK(watched.expired());
}

void allocators() {
    std::size_t blocks = 0;
    bool refuse = false;
    {
        vae::context context(
            "threads=1",
            [&](std::size_t size) -> void * {
                if (refuse) throw thrown{77};
                blocks++;
                return std::malloc(size);
            },
            [&](void *block) {
                blocks -= block != nullptr;
                std::free(block);
            });
        vae::model model(context, spec);
        CHECK(blocks > 0 && context.memory().allocations >= blocks);
        refuse = true;
        CHECK_THROWN(vae::model(context, spec), 77);
        CHECK_THROWN(model.clone(), 77);
        refuse = false;
        CHECK(model.clone().width() == width);
    }
    CHECK(blocks == 0);
    CHECK_ERROR(vae::context(
                    nullptr, [](std::size_t) -> void * { return nullptr; }, nullptr),
                VAE_ERROR_ARGUMENT, "");
    vae::context small("memory_limit=100K");
    CHECK_ERROR(
        vae::model(small, "input=1000 latent=99 likelihood=bernoulli encoder=[] decoder=[]"),
        VAE_ERROR_LIMIT, "memory_limit");
    CHECK_ERROR(vae::context("thread=2"), VAE_ERROR_TEXT, "threads");
    vae_context *raw = nullptr;
    CHECK(vae_context_create(nullptr, &raw) == VAE_OK);
    CHECK(vae::context::adopt(raw).memory().bytes > 0);
}

/* Each thread gets the exceptions of its own calls. */
void threads() {
    vae::context context("threads=2");
    std::vector<float> x = bits();
    for (std::size_t i = 0; i < rows; i++) x[i * width] = 1;
    context.set_log([](std::int32_t, vae::text) { throw std::this_thread::get_id(); });
    const vae::dataset data = vae::dataset::borrow(context, x, width);
    int own[4] = {0, 0, 0, 0};
    std::vector<std::thread> all;
    for (int &mine : own)
        all.emplace_back([&context, &data, &mine] {
            for (int i = 0; i < 20; i++) {
                vae::model model(
                    context,
                    "input=6 latent=2 likelihood=gaussian standardize=1 encoder=[] decoder=[]");
                try {
                    model.initialize(data);
                } catch (std::thread::id id) {
                    mine += id == std::this_thread::get_id();
                }
            }
        });
    for (std::thread &one : all) one.join();
    for (int mine : own) CHECK(mine == 20);
}

/* Another thread's call on the same context, between an exception of this one's call and its end, leaves it alone. */
void threads_in_turn() {
    vae::context context;
    std::vector<float> x = bits();
    for (std::size_t i = 0; i < x.size(); i++)
        x[i] = i % width == 0 ? 1.0f : 1e6f * (x[i] + static_cast<float>(i)); // two warnings
    const vae::dataset data = vae::dataset::borrow(context, x, width);
    const vae::model bystander(context, spec);
    vae::model model(context,
                     "input=6 latent=2 likelihood=gaussian sigma=per_dim encoder=[] decoder=[]");
    int messages = 0;
    bool undisturbed = false;
    context.set_log([&](std::int32_t, vae::text) {
        messages++;
        if (messages == 1) throw thrown{88};
        std::thread([&] {
            try {
                bystander.decode(std::vector<float>(latent));
                undisturbed = true;
            } catch (const thrown &) {
            }
        }).join();
    });
    CHECK_THROWN(model.initialize(data), 88);
    CHECK(messages == 2 && undisturbed);
}

} // namespace

int main() {
    void (*const tests[])() = {version,     moves,      any_order, datasets,
                               models,      files,      inference, training,
                               evaluations, priors,     generates, callbacks_that_throw,
                               logs,        allocators, threads,   threads_in_turn};
    for (const auto test : tests) {
        try {
            test();
        } catch (const std::exception &e) {
            counted(false, __FILE__, __LINE__, e.what());
        } catch (...) {
            counted(false, __FILE__, __LINE__, "an exception that was not expected");
        }
    }
    std::printf("%d passed, %d failed\n", passed, failed);
    return failed > 0;
}

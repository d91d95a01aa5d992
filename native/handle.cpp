// Tensor handles: the JavaScript class `Tensor`, scopes, and the copy-free way to typed arrays.
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/variable.h>

#include "engine.h"

namespace uafer {
namespace {

// Bytes that die with this tensor: none for a view, whose memory belongs to its base, or where something else holds it
// too.
int64_t owned_bytes(const at::Tensor& tensor) {
  if (!tensor.has_storage() || tensor.use_count() > 1 || tensor.storage().use_count() > 1) return 0;
  return static_cast<int64_t>(tensor.storage().nbytes());
}

// Tells V8 of a handle that no scope will free, so that it collects when many are left behind. It is told of nothing
// inside scopes: it would collect over and over in the middle of a training step, and find nothing.
void report_to_v8(Napi::Env env, TensorHandle& handle) {
  handle.reported_bytes = owned_bytes(handle.tensor);
  if (handle.reported_bytes > 0) Napi::MemoryManagement::AdjustExternalMemory(env, handle.reported_bytes);
}

void enter_scope(TensorHandle& handle, size_t scope) {
  std::vector<TensorHandle*>& made = handle.thread->scopes[scope];
  handle.scope = scope;
  handle.position = made.size();
  made.push_back(&handle);
}

// The scope will not free the handle any more.
void leave_scope(TensorHandle& handle) {
  if (handle.scope == TensorHandle::kNoScope) return;
  handle.thread->scopes[handle.scope][handle.position] = nullptr;
  handle.scope = TensorHandle::kNoScope;
}

// Forgets and deletes a handle that its JavaScript object no longer wraps.
void destroy(Napi::Env env, TensorHandle* handle) {
  if (ThreadState* thread = handle->thread) {
    thread->handles.erase(handle);
    leave_scope(*handle);
    if (handle->reported_bytes > 0) Napi::MemoryManagement::AdjustExternalMemory(env, -handle->reported_bytes);
  }
  delete handle;
}

// Frees the tensor now. The object is unwrapped, which spares the collector a finaliser for each of a step's many
// tensors.
void dispose_handle(Napi::Env env, TensorHandle* handle) {
  napi_value object = nullptr;
  napi_get_reference_value(env, handle->object, &object);
  if (object == nullptr) {  // collected: its finaliser, which deletes the handle, is on its way
    leave_scope(*handle);
    handle->tensor.reset();
    return;
  }
  napi_remove_wrap(env, object, nullptr);
  napi_delete_reference(env, handle->object);
  destroy(env, handle);
}

void finalize_handle(napi_env env, void* data, void*) {
  auto* handle = static_cast<TensorHandle*>(data);
  napi_delete_reference(env, handle->object);
  destroy(env, handle);
}

// The live handle that a JavaScript value is, or null.
TensorHandle* handle_of(Napi::Value value) {
  void* wrapped = nullptr;
  if (napi_unwrap(value.Env(), value, &wrapped) != napi_ok) return nullptr;
  ThreadState& thread = thread_state(value.Env());
  // Another addon's object may wrap anything, and may have been given our prototype.
  const auto found = thread.handles.find(static_cast<TensorHandle*>(wrapped));
  return found == thread.handles.end() ? nullptr : *found;
}

bool has_tensor_class(Napi::Value value) {
  return value.IsObject() && value.As<Napi::Object>().InstanceOf(thread_state(value.Env()).tensor_class.Value());
}

Napi::Array numbers(Napi::Env env, at::IntArrayRef values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  for (size_t i = 0; i < values.size(); ++i) array[static_cast<uint32_t>(i)] = static_cast<double>(values[i]);
  return array;
}
Napi::Value shape(Napi::Env env, const at::Tensor& tensor) { return numbers(env, tensor.sizes()); }
Napi::Value strides(Napi::Env env, const at::Tensor& tensor) { return numbers(env, tensor.strides()); }
Napi::Value dtype(Napi::Env env, const at::Tensor& tensor) {
  return Napi::String::New(env, dtype_name(tensor.scalar_type()));
}
Napi::Value device(Napi::Env env, const at::Tensor& tensor) { return Napi::String::New(env, tensor.device().str()); }
Napi::Value nbytes(Napi::Env env, const at::Tensor& tensor) {
  return Napi::Number::New(env, static_cast<double>(tensor.nbytes()));
}
Napi::Value is_leaf(Napi::Env env, const at::Tensor& tensor) { return Napi::Boolean::New(env, tensor.is_leaf()); }
Napi::Value requires_grad(Napi::Env env, const at::Tensor& tensor) {
  return Napi::Boolean::New(env, tensor.requires_grad());
}
Napi::Value gradient(Napi::Env env, const at::Tensor& tensor) { return wrap_tensor(env, tensor.grad()); }
Napi::Value item(Napi::Env env, const at::Tensor& tensor) {
  const c10::Scalar scalar = tensor.item();
  return Napi::Number::New(env, scalar.isBoolean() ? scalar.toBool() : scalar.toDouble());
}

void set_requires_grad(const at::Tensor& tensor, Napi::Value value) {
  const bool required = value.ToBoolean();
  TORCH_CHECK(required || tensor.is_leaf(), "only a leaf can stop requiring gradients; detach what was computed");
  tensor.set_requires_grad(required);
}
void set_gradient(const at::Tensor& tensor, Napi::Value value) {
  if (value.IsNull() || value.IsUndefined()) {
    tensor.mutable_grad().reset();
    return;
  }
  const at::Tensor gradient = unwrap_tensor(value, "grad");
  TORCH_CHECK(gradient.sizes() == tensor.sizes() && gradient.scalar_type() == tensor.scalar_type() &&
                  gradient.device() == tensor.device(),
              "a gradient of ", tensor.scalar_type(), tensor.sizes(), " on ", tensor.device(), " was expected, got ",
              gradient.scalar_type(), gradient.sizes(), " on ", gradient.device());
  tensor.mutable_grad() = gradient;
}

template <typename Array>
Napi::Value typed_array(Napi::Env env, Napi::ArrayBuffer buffer, int64_t length, napi_typedarray_type type) {
  return Array::New(env, static_cast<size_t>(length), buffer, 0, type);
}

Napi::Value view_as_typed_array(Napi::Env env, const at::Tensor& tensor) {
  const int64_t length = tensor.numel();
  Napi::ArrayBuffer buffer;
  if (length == 0) {
    buffer = Napi::ArrayBuffer::New(env, 0);
  } else {
    // The array keeps the storage alive by a tensor of its own, and where it is: no operator may resize it from now on.
    tensor.storage().unsafeGetStorageImpl()->set_resizable(false);
    auto owner = std::make_unique<at::Tensor>(tensor);
    buffer = Napi::ArrayBuffer::New(
        env, owner->data_ptr(), owner->nbytes(),
        [](Napi::Env, void*, at::Tensor* kept) { std::unique_ptr<at::Tensor>{kept}; }, owner.get());
    static_cast<void>(owner.release());  // now the finaliser's
  }
  switch (tensor.scalar_type()) {
    case at::kFloat:
      return typed_array<Napi::Float32Array>(env, buffer, length, napi_float32_array);
    case at::kDouble:
      return typed_array<Napi::Float64Array>(env, buffer, length, napi_float64_array);
    case at::kLong:
      return typed_array<Napi::BigInt64Array>(env, buffer, length, napi_bigint64_array);
    case at::kInt:
      return typed_array<Napi::Int32Array>(env, buffer, length, napi_int32_array);
    case at::kShort:
      return typed_array<Napi::Int16Array>(env, buffer, length, napi_int16_array);
    case at::kChar:
      return typed_array<Napi::Int8Array>(env, buffer, length, napi_int8_array);
    case at::kByte:
    case at::kBool:
      return typed_array<Napi::Uint8Array>(env, buffer, length, napi_uint8_array);
    case at::kHalf:
    case at::kBFloat16:
      return typed_array<Napi::Uint16Array>(env, buffer, length, napi_uint16_array);
    default:
      throw make_error(env, "OPERATOR",
                       std::string("data: no typed array holds ") + c10::toString(tensor.scalar_type()));
  }
}

Napi::Value data(Napi::Env env, const at::Tensor& tensor) {
  return view_as_typed_array(env, tensor.detach().to(at::kCPU).resolve_neg().contiguous());
}

// A getter or method without arguments: reads the tensor behind `this`. The tensor is held while it is read: what
// JavaScript does meanwhile (it can, in a setter of Array.prototype) may dispose the handle.
template <const char* name, Napi::Value (*read)(Napi::Env, const at::Tensor&)>
Napi::Value reader(const Napi::CallbackInfo& info) {
  const at::Tensor tensor = unwrap_tensor(info.This(), name);
  return guarded(info.Env(), "OPERATOR", name, [&] { return read(info.Env(), tensor); });
}

template <const char* name, void (*write)(const at::Tensor&, Napi::Value)>
Napi::Value writer(const Napi::CallbackInfo& info) {
  const at::Tensor tensor = unwrap_tensor(info.This(), name);
  guarded(info.Env(), "OPERATOR", name, [&] { write(tensor, info[0]); });
  return info.Env().Undefined();
}

Napi::Value is_disposed(const Napi::CallbackInfo& info) {
  return Napi::Boolean::New(info.Env(), handle_of(info.This()) == nullptr);
}

Napi::Value dispose(const Napi::CallbackInfo& info) {
  if (TensorHandle* handle = handle_of(info.This())) dispose_handle(info.Env(), handle);
  return info.Env().Undefined();
}

Napi::Value construct(const Napi::CallbackInfo& info) {
  if (!thread_state(info.Env()).making_handle) {
    throw make_error(info.Env(), "OPERATOR", "a Tensor is made by tensor() or an operator, not by `new`");
  }
  return info.This();
}

using Callback = Napi::Value (*)(const Napi::CallbackInfo&);

template <Callback callback>
napi_value entry(napi_env env, napi_callback_info info) noexcept {
  try {
    return callback(Napi::CallbackInfo(env, info));
  } catch (const Napi::Error& error) {
    error.ThrowAsJavaScriptException();
    return nullptr;
  }
}

napi_property_descriptor accessor(const char* name, napi_callback get, napi_callback set = nullptr) {
  return {name, nullptr, nullptr, get, set, nullptr, napi_default, nullptr};
}

napi_property_descriptor method(const char* name, napi_callback call) {
  return {name, nullptr, call, nullptr, nullptr, nullptr, napi_default_method, nullptr};
}

constexpr char kShape[] = "shape";
constexpr char kStrides[] = "strides";
constexpr char kDtype[] = "dtype";
constexpr char kDevice[] = "device";
constexpr char kNbytes[] = "nbytes";
constexpr char kIsLeaf[] = "isLeaf";
constexpr char kRequiresGrad[] = "requiresGrad";
constexpr char kGrad[] = "grad";
constexpr char kItem[] = "item";
constexpr char kData[] = "data";

// By hand, not by Napi::ObjectWrap: that cannot take its wrap off an object before the object is collected.
Napi::Function define_tensor_class(Napi::Env env) {
  std::vector<napi_property_descriptor> members = {
      accessor(kShape, entry<reader<kShape, shape>>),
      accessor(kStrides, entry<reader<kStrides, strides>>),
      accessor(kDtype, entry<reader<kDtype, dtype>>),
      accessor(kDevice, entry<reader<kDevice, device>>),
      accessor(kNbytes, entry<reader<kNbytes, nbytes>>),
      accessor("disposed", entry<is_disposed>),
      accessor(kIsLeaf, entry<reader<kIsLeaf, is_leaf>>),
      accessor(kRequiresGrad, entry<reader<kRequiresGrad, requires_grad>>,
               entry<writer<kRequiresGrad, set_requires_grad>>),
      accessor(kGrad, entry<reader<kGrad, gradient>>, entry<writer<kGrad, set_gradient>>),
      method(kItem, entry<reader<kItem, item>>),
      method(kData, entry<reader<kData, data>>),
      method("dispose", entry<dispose>),
  };
  const Napi::Value dispose_symbol = env.Global().Get("Symbol").As<Napi::Function>().Get("dispose");
  if (dispose_symbol.IsSymbol()) {
    members.push_back(method(nullptr, entry<dispose>));
    members.back().name = dispose_symbol;
  }
  napi_value tensor_class = nullptr;
  const napi_status status = napi_define_class(env, "Tensor", NAPI_AUTO_LENGTH, entry<construct>, nullptr,
                                               members.size(), members.data(), &tensor_class);
  if (status != napi_ok) throw Napi::Error::New(env);
  return Napi::Function(env, tensor_class);
}

at::ScalarType dtype_of(napi_typedarray_type kind) {
  switch (kind) {
    case napi_float32_array:
      return at::kFloat;
    case napi_float64_array:
      return at::kDouble;
    case napi_bigint64_array:
      return at::kLong;
    case napi_int32_array:
      return at::kInt;
    case napi_int16_array:
      return at::kShort;
    case napi_int8_array:
      return at::kChar;
    case napi_uint8_array:
    case napi_uint8_clamped_array:
      return at::kByte;
    default:
      throw std::invalid_argument("no dtype corresponds to this kind of typed array");
  }
}

std::vector<int64_t> read_shape(Napi::Value value) {
  if (!value.IsArray()) throw std::invalid_argument("the shape must be an array of whole numbers");
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<int64_t> shape;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    shape.push_back(to_integer(array[i], "the shape"));
    if (shape.back() < 0) throw std::invalid_argument("the shape must hold no negative number");
  }
  return shape;
}

// Whether a tensor of this shape has `count` elements, without overflow.
bool holds(const std::vector<int64_t>& shape, size_t count) {
  int64_t product = 1;
  bool overflow = false;
  for (const int64_t size : shape) overflow |= __builtin_mul_overflow(product, size, &product);
  return !overflow && static_cast<size_t>(product) == count;
}

// (values: TypedArray, shape: number[], dtype?: string, device?: string) => Tensor
Napi::Value from_typed_array(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  return guarded(env, "OPERATOR", "tensor", [&] {
    if (!info[0].IsTypedArray()) throw std::invalid_argument("the values must be a typed array");
    const std::vector<int64_t> shape = read_shape(info[1]);
    // From here on no JavaScript runs that could detach the array.
    napi_typedarray_type kind = napi_float32_array;
    size_t count = 0;
    void* values = nullptr;
    napi_get_typedarray_info(env, info[0], &kind, &count, &values, nullptr, nullptr);
    // Uint16Array carries the bits of a half-precision type, which must then be named.
    const bool bits = kind == napi_uint16_array && info[2].IsString();
    const at::ScalarType source = bits ? parse_dtype(env, info[2].As<Napi::String>()) : dtype_of(kind);
    TORCH_CHECK(!bits || c10::isReducedFloatingType(source),
                "a Uint16Array holds the bits of float16 or bfloat16 only");
    TORCH_CHECK(holds(shape, count), "shape ", at::IntArrayRef(shape), " doesn't hold ", count, " values");
    at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(source));
    if (count > 0) std::memcpy(tensor.data_ptr(), values, tensor.nbytes());
    if (info[2].IsString()) tensor = tensor.to(parse_dtype(env, info[2].As<Napi::String>()));
    if (info[3].IsString()) tensor = tensor.to(at::Device(info[3].As<Napi::String>().Utf8Value()));
    return wrap_tensor(env, std::move(tensor));
  });
}

Napi::Value to_numbers(const Napi::CallbackInfo& info) {
  const at::Tensor tensor = unwrap_tensor(info[0], "toArray");
  return guarded(info.Env(), "OPERATOR", "toArray", [&]() -> Napi::Value {
    constexpr int64_t kMost = 1 << 24;  // V8 ends the process when an array doesn't fit its heap
    TORCH_CHECK(tensor.numel() <= kMost, "at most ", kMost, " numbers fit an array, got ", tensor.numel(),
                "; use data()");
    const at::Tensor values = tensor.detach().to(at::kCPU, at::kDouble).resolve_neg().contiguous();
    const double* source = values.const_data_ptr<double>();
    Napi::Array numbers = Napi::Array::New(info.Env(), static_cast<size_t>(values.numel()));
    for (int64_t i = 0; i < values.numel(); ++i) numbers[static_cast<uint32_t>(i)] = source[i];
    return numbers;
  });
}

void begin_scope(const Napi::CallbackInfo& info) { thread_state(info.Env()).scopes.emplace_back(); }

// (keep: Tensor[]): frees what the innermost scope made but `keep`, which the enclosing scope takes over.
void end_scope(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  ThreadState& thread = thread_state(env);
  std::vector<Napi::Value> keep;  // all read before any is unwrapped: reading an array may run JavaScript
  if (info[0].IsArray()) {
    const Napi::Array array = info[0].As<Napi::Array>();
    for (uint32_t i = 0; i < array.Length(); ++i) keep.push_back(array[i]);
  }
  const auto mark = [&](bool kept) {
    for (const Napi::Value& value : keep) {
      if (TensorHandle* handle = handle_of(value)) handle->kept = kept;
    }
  };
  if (thread.scopes.empty()) throw make_error(env, "OPERATOR", "endScope without beginScope");
  const size_t ending = thread.scopes.size() - 1;
  mark(true);
  for (size_t i = 0; i < thread.scopes[ending].size(); ++i) {
    TensorHandle* handle = thread.scopes[ending][i];
    if (handle == nullptr) continue;
    if (!handle->kept) {
      dispose_handle(env, handle);
    } else if (ending > 0) {
      enter_scope(*handle, ending - 1);
    } else {
      handle->scope = TensorHandle::kNoScope;
      report_to_v8(env, *handle);
    }
  }
  mark(false);
  thread.scopes.pop_back();
}

}  // namespace

Napi::Value wrap_tensor(Napi::Env env, at::Tensor tensor) {
  if (!tensor.defined()) return env.Null();
  ThreadState& thread = thread_state(env);
  thread.making_handle = true;
  napi_value object = nullptr;
  napi_status status = napi_new_instance(env, thread.tensor_class.Value(), 0, nullptr, &object);
  thread.making_handle = false;
  if (status != napi_ok) throw Napi::Error::New(env);

  auto handle = std::make_unique<TensorHandle>(std::move(tensor), &thread);
  thread.handles.insert(handle.get());
  status = napi_wrap(env, object, handle.get(), finalize_handle, nullptr, &handle->object);
  if (status != napi_ok) {
    thread.handles.erase(handle.get());
    throw Napi::Error::New(env);
  }
  TensorHandle& wrapped = *handle.release();  // now the JavaScript object's
  if (thread.scopes.empty()) {
    report_to_v8(env, wrapped);
  } else {
    enter_scope(wrapped, thread.scopes.size() - 1);
  }
  return Napi::Value(env, object);
}

const at::Tensor* find_tensor(Napi::Value value) {
  const TensorHandle* handle = handle_of(value);
  return handle == nullptr ? nullptr : &handle->tensor;
}

std::string kind_of(Napi::Value value) {
  static constexpr const char* kKinds[] = {"undefined", "null",      "a boolean",  "a number",    "a string",
                                           "a symbol",  "an object", "a function", "an external", "a bigint"};
  if (find_tensor(value)) return "a tensor";
  if (has_tensor_class(value)) return "a disposed tensor";
  return value.IsArray() ? "an array" : kKinds[value.Type()];
}

at::Tensor unwrap_tensor(Napi::Value value, const char* what) {
  if (const at::Tensor* tensor = find_tensor(value)) return *tensor;
  throw make_error(value.Env(), "OPERATOR", std::string(what) + ": a tensor was expected, got " + kind_of(value));
}

std::vector<at::Tensor> unwrap_tensors(Napi::Value value, const char* what, bool nullable) {
  if (!value.IsArray())
    throw make_error(value.Env(), "OPERATOR", std::string(what) + ": an array of tensors was expected");
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<at::Tensor> tensors;
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value item = array[i];
    tensors.push_back(nullable && item.IsNull() ? at::Tensor() : unwrap_tensor(item, what));
  }
  return tensors;
}

void register_handles(Napi::Env env, Napi::Object exports) {
  thread_state(env).tensor_class = Napi::Persistent(define_tensor_class(env));
  exports.Set("isTensor", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
                return Napi::Boolean::New(info.Env(), handle_of(info[0]) != nullptr || has_tensor_class(info[0]));
              }));
  exports.Set("fromTypedArray", Napi::Function::New(env, from_typed_array));
  exports.Set("toNumbers", Napi::Function::New(env, to_numbers));
  exports.Set("beginScope", Napi::Function::New(env, begin_scope));
  exports.Set("endScope", Napi::Function::New(env, end_scope));
  exports.Set("liveHandles", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
                return Napi::Number::New(info.Env(), static_cast<double>(thread_state(info.Env()).handles.size()));
              }));
}

}  // namespace uafer

// Tensor handles: the JavaScript class `Tensor`, scopes, and the copy-free way to typed arrays.
#include <ATen/ops/empty.h>
#include <torch/csrc/autograd/variable.h>

#include "engine.h"

namespace uafer {
namespace {

// Bytes that die with this handle; a view's memory belongs to its base.
int64_t owned_bytes(const at::Tensor& tensor) {
  if (!tensor.has_storage() || tensor.storage().use_count() > 1) return 0;
  return static_cast<int64_t>(tensor.storage().nbytes());
}

void release(Napi::Env env, TensorState& state) {
  if (state.disposed) return;
  state.disposed = true;
  state.tensor.reset();
  if (state.reported_bytes > 0) Napi::MemoryManagement::AdjustExternalMemory(env, -state.reported_bytes);
  state.reported_bytes = 0;
}

class TensorHandle : public Napi::ObjectWrap<TensorHandle> {
 public:
  static Napi::Function define(Napi::Env env);

  explicit TensorHandle(const Napi::CallbackInfo& info) : Napi::ObjectWrap<TensorHandle>(info) {
    if (info.Length() != 1 || !info[0].IsExternal()) {
      throw make_error(info.Env(), "OPERATOR", "a Tensor is made by tensor() or an operator, not by `new`");
    }
    state_ = *info[0].As<Napi::External<StatePointer>>().Data();
    ++thread_state(info.Env()).live_handles;
  }

  void Finalize(Napi::Env env) override {
    if (!state_) return;
    release(env, *state_);
    --thread_state(env).live_handles;
  }

  const StatePointer& state() const { return state_; }

  const at::Tensor& checked(Napi::Env env, const std::string& what) const {
    if (!state_ || state_->disposed) throw make_error(env, "OPERATOR", what + ": this tensor has been disposed");
    return state_->tensor;
  }

 private:
  Napi::Value shape(const Napi::CallbackInfo& info) {
    const at::Tensor& tensor = checked(info.Env(), "shape");
    Napi::Array sizes = Napi::Array::New(info.Env(), tensor.dim());
    for (int64_t i = 0; i < tensor.dim(); ++i) sizes[static_cast<uint32_t>(i)] = static_cast<double>(tensor.size(i));
    return sizes;
  }
  Napi::Value dtype(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), dtype_name(checked(info.Env(), "dtype").scalar_type()));
  }
  Napi::Value device(const Napi::CallbackInfo& info) {
    return Napi::String::New(info.Env(), checked(info.Env(), "device").device().str());
  }
  Napi::Value nbytes(const Napi::CallbackInfo& info) {
    return Napi::Number::New(info.Env(), static_cast<double>(checked(info.Env(), "nbytes").nbytes()));
  }
  Napi::Value disposed(const Napi::CallbackInfo& info) { return Napi::Boolean::New(info.Env(), state_->disposed); }
  Napi::Value is_leaf(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), checked(info.Env(), "isLeaf").is_leaf());
  }
  Napi::Value requires_grad(const Napi::CallbackInfo& info) {
    return Napi::Boolean::New(info.Env(), checked(info.Env(), "requiresGrad").requires_grad());
  }
  void set_requires_grad(const Napi::CallbackInfo& info, const Napi::Value& value) {
    const at::Tensor tensor = checked(info.Env(), "requiresGrad");
    guarded(info.Env(), "OPERATOR", "requiresGrad", [&] { tensor.set_requires_grad(value.ToBoolean()); });
  }
  Napi::Value gradient(const Napi::CallbackInfo& info) {
    const at::Tensor& tensor = checked(info.Env(), "grad");
    return guarded(info.Env(), "OPERATOR", "grad", [&] { return wrap_tensor(info.Env(), tensor.grad()); });
  }
  void set_gradient(const Napi::CallbackInfo& info, const Napi::Value& value) {
    const at::Tensor tensor = checked(info.Env(), "grad");
    const bool clear = value.IsNull() || value.IsUndefined();
    const at::Tensor gradient = clear ? at::Tensor() : unwrap_tensor(value, "grad");
    guarded(info.Env(), "OPERATOR", "grad", [&] {
      TORCH_CHECK(clear || gradient.sizes() == tensor.sizes(), "a gradient of shape ", tensor.sizes(),
                  " was expected, got ", gradient.sizes());
      tensor.mutable_grad() = gradient;
    });
  }
  Napi::Value item(const Napi::CallbackInfo& info) {
    const at::Tensor& tensor = checked(info.Env(), "item");
    return guarded(info.Env(), "OPERATOR", "item", [&]() -> Napi::Value {
      const c10::Scalar scalar = tensor.item();
      return Napi::Number::New(info.Env(), scalar.isBoolean() ? scalar.toBool() : scalar.toDouble());
    });
  }
  Napi::Value data(const Napi::CallbackInfo& info);
  Napi::Value dispose(const Napi::CallbackInfo& info) {
    release(info.Env(), *state_);
    return info.Env().Undefined();
  }

  StatePointer state_;
};

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
    // The array keeps the storage alive by a tensor of its own.
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

Napi::Value TensorHandle::data(const Napi::CallbackInfo& info) {
  const at::Tensor& tensor = checked(info.Env(), "data");
  return guarded(info.Env(), "OPERATOR", "data",
                 [&] { return view_as_typed_array(info.Env(), tensor.detach().to(at::kCPU).contiguous()); });
}

Napi::Function TensorHandle::define(Napi::Env env) {
  std::vector<Napi::ClassPropertyDescriptor<TensorHandle>> members = {
      InstanceAccessor<&TensorHandle::shape>("shape"),
      InstanceAccessor<&TensorHandle::dtype>("dtype"),
      InstanceAccessor<&TensorHandle::device>("device"),
      InstanceAccessor<&TensorHandle::nbytes>("nbytes"),
      InstanceAccessor<&TensorHandle::disposed>("disposed"),
      InstanceAccessor<&TensorHandle::is_leaf>("isLeaf"),
      InstanceAccessor<&TensorHandle::requires_grad, &TensorHandle::set_requires_grad>("requiresGrad"),
      InstanceAccessor<&TensorHandle::gradient, &TensorHandle::set_gradient>("grad"),
      InstanceMethod<&TensorHandle::item>("item"),
      InstanceMethod<&TensorHandle::data>("data"),
      InstanceMethod<&TensorHandle::dispose>("dispose"),
  };
  const Napi::Value dispose_symbol = env.Global().Get("Symbol").As<Napi::Function>().Get("dispose");
  if (dispose_symbol.IsSymbol()) {
    members.push_back(InstanceMethod<&TensorHandle::dispose>(dispose_symbol.As<Napi::Symbol>()));
  }
  return DefineClass(env, "Tensor", members);
}

TensorHandle* handle_of(Napi::Value value) {
  if (!value.IsObject()) return nullptr;
  Napi::Object object = value.As<Napi::Object>();
  if (!object.InstanceOf(thread_state(value.Env()).tensor_class.Value())) return nullptr;
  // `Object.create(Tensor.prototype)` is an instance with nothing behind it.
  void* wrapped = nullptr;
  if (napi_unwrap(value.Env(), value, &wrapped) != napi_ok) return nullptr;
  return static_cast<TensorHandle*>(wrapped);
}

at::ScalarType dtype_of(const Napi::TypedArray& array) {
  switch (array.TypedArrayType()) {
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
      throw make_error(array.Env(), "OPERATOR", "tensor: no dtype corresponds to this kind of typed array");
  }
}

std::vector<int64_t> read_shape(Napi::Value value) {
  if (!value.IsArray()) throw make_error(value.Env(), "OPERATOR", "tensor: the shape must be an array of numbers");
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<int64_t> shape(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value size = array[i];
    if (!size.IsNumber() || size.As<Napi::Number>().Int64Value() < 0) {
      throw make_error(value.Env(), "OPERATOR", "tensor: the shape must hold non-negative numbers");
    }
    shape[i] = size.As<Napi::Number>().Int64Value();
  }
  return shape;
}

// (values: TypedArray, shape: number[], dtype?: string, device?: string) => Tensor
Napi::Value from_typed_array(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsTypedArray()) throw make_error(env, "OPERATOR", "tensor: the values must be a typed array");
  const Napi::TypedArray array = info[0].As<Napi::TypedArray>();
  const std::vector<int64_t> shape = read_shape(info[1]);
  return guarded(env, "OPERATOR", "tensor", [&] {
    // Uint16Array carries the bits of a half-precision type, which must then be named.
    const bool bits = array.TypedArrayType() == napi_uint16_array && info[2].IsString();
    const at::ScalarType source = bits ? parse_dtype(env, info[2].As<Napi::String>()) : dtype_of(array);
    TORCH_CHECK(!bits || c10::isReducedFloatingType(source),
                "a Uint16Array holds the bits of float16 or bfloat16 only");
    at::Tensor tensor = at::empty(shape, at::TensorOptions().dtype(source));
    TORCH_CHECK(static_cast<size_t>(tensor.numel()) == array.ElementLength(), "shape ", tensor.sizes(), " needs ",
                tensor.numel(), " values, got ", array.ElementLength());
    const auto* bytes = static_cast<const uint8_t*>(array.ArrayBuffer().Data()) + array.ByteOffset();
    if (tensor.numel() > 0) std::memcpy(tensor.data_ptr(), bytes, array.ByteLength());
    if (info[2].IsString()) tensor = tensor.to(parse_dtype(env, info[2].As<Napi::String>()));
    if (info[3].IsString()) tensor = tensor.to(at::Device(info[3].As<Napi::String>().Utf8Value()));
    return wrap_tensor(env, std::move(tensor));
  });
}

Napi::Value to_numbers(const Napi::CallbackInfo& info) {
  const at::Tensor& tensor = unwrap_tensor(info[0], "toArray");
  return guarded(info.Env(), "OPERATOR", "toArray", [&]() -> Napi::Value {
    const at::Tensor values = tensor.detach().to(at::kCPU, at::kDouble).contiguous();
    const double* source = values.const_data_ptr<double>();
    Napi::Array numbers = Napi::Array::New(info.Env(), static_cast<size_t>(values.numel()));
    for (int64_t i = 0; i < values.numel(); ++i) numbers[static_cast<uint32_t>(i)] = source[i];
    return numbers;
  });
}

void begin_scope(const Napi::CallbackInfo& info) { thread_state(info.Env()).scopes.emplace_back(); }

// (keep: Tensor[]): frees what the innermost scope made but `keep`, which the enclosing scope takes over.
void end_scope(const Napi::CallbackInfo& info) {
  ThreadState& thread = thread_state(info.Env());
  if (thread.scopes.empty()) throw make_error(info.Env(), "OPERATOR", "endScope without beginScope");
  const std::vector<StatePointer> made = std::move(thread.scopes.back());
  thread.scopes.pop_back();

  std::vector<StatePointer> kept;
  if (info[0].IsArray()) {
    const Napi::Array keep = info[0].As<Napi::Array>();
    for (uint32_t i = 0; i < keep.Length(); ++i) {
      if (TensorHandle* handle = handle_of(keep[i])) kept.push_back(handle->state());
    }
  }
  for (const StatePointer& state : kept) state->kept = true;
  for (const StatePointer& state : made) {
    if (!state->kept) {
      release(info.Env(), *state);
    } else if (!thread.scopes.empty()) {
      thread.scopes.back().push_back(state);
    }
  }
  for (const StatePointer& state : kept) state->kept = false;
}

}  // namespace

Napi::Value wrap_tensor(Napi::Env env, at::Tensor tensor) {
  if (!tensor.defined()) return env.Null();
  ThreadState& thread = thread_state(env);
  StatePointer state = std::make_shared<TensorState>();
  state->reported_bytes = owned_bytes(tensor);
  state->tensor = std::move(tensor);
  const Napi::Object object = thread.tensor_class.New({Napi::External<StatePointer>::New(env, &state)});
  if (state->reported_bytes > 0) Napi::MemoryManagement::AdjustExternalMemory(env, state->reported_bytes);
  if (!thread.scopes.empty()) thread.scopes.back().push_back(std::move(state));
  return object;
}

bool is_tensor(Napi::Value value) { return handle_of(value) != nullptr; }

const at::Tensor& unwrap_tensor(Napi::Value value, const std::string& what) {
  const TensorHandle* handle = handle_of(value);
  if (handle == nullptr) throw make_error(value.Env(), "OPERATOR", what + ": a Tensor was expected");
  return handle->checked(value.Env(), what);
}

std::vector<at::Tensor> unwrap_tensors(Napi::Value value, const std::string& what) {
  if (!value.IsArray()) throw make_error(value.Env(), "OPERATOR", what + ": an array of tensors was expected");
  const Napi::Array array = value.As<Napi::Array>();
  std::vector<at::Tensor> tensors;
  tensors.reserve(array.Length());
  for (uint32_t i = 0; i < array.Length(); ++i) {
    const Napi::Value item = array[i];
    tensors.push_back(item.IsNull() || item.IsUndefined() ? at::Tensor() : unwrap_tensor(item, what));
  }
  return tensors;
}

void register_handles(Napi::Env env, Napi::Object exports) {
  const Napi::Function tensor_class = TensorHandle::define(env);
  thread_state(env).tensor_class = Napi::Persistent(tensor_class);
  exports.Set("isTensor", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
                return Napi::Boolean::New(info.Env(), is_tensor(info[0]));
              }));
  exports.Set("fromTypedArray", Napi::Function::New(env, from_typed_array));
  exports.Set("toNumbers", Napi::Function::New(env, to_numbers));
  exports.Set("beginScope", Napi::Function::New(env, begin_scope));
  exports.Set("endScope", Napi::Function::New(env, end_scope));
  exports.Set("liveHandles", Napi::Function::New(env, [](const Napi::CallbackInfo& info) -> Napi::Value {
                return Napi::Number::New(info.Env(), static_cast<double>(thread_state(info.Env()).live_handles));
              }));
}

}  // namespace uafer

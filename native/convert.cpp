// JavaScript values to and from libtorch's, as an operator's schema asks.
#include <ATen/ScalarOps.h>
#include <ATen/core/jit_type.h>

#include <array>
#include <cmath>
#include <utility>

#include "engine.h"

namespace uafer {
namespace {

constexpr std::array<std::pair<const char*, at::ScalarType>, 10> kDtypes = {{{"float32", at::kFloat},
                                                                             {"float64", at::kDouble},
                                                                             {"float16", at::kHalf},
                                                                             {"bfloat16", at::kBFloat16},
                                                                             {"int64", at::kLong},
                                                                             {"int32", at::kInt},
                                                                             {"int16", at::kShort},
                                                                             {"int8", at::kChar},
                                                                             {"uint8", at::kByte},
                                                                             {"bool", at::kBool}}};

std::string name_of(const c10::Argument& argument) { return "argument '" + argument.name() + "'"; }

[[noreturn]] void mismatch(Napi::Value value, const c10::Argument& argument, const std::string& expected) {
  throw std::invalid_argument(name_of(argument) + " takes " + expected + ", got " + kind_of(value));
}

constexpr double kExact = 9007199254740992.0;  // 2^53: up to here every whole number is a double

c10::Scalar to_scalar(double number) {
  if (std::trunc(number) == number && std::abs(number) <= kExact) return c10::Scalar(static_cast<int64_t>(number));
  return c10::Scalar(number);
}

// A number where a tensor is expected promotes types as a Python number does.
at::Tensor wrapped_number(const c10::Scalar& scalar) {
  at::Tensor tensor = c10::scalar_to_tensor(scalar);
  tensor.unsafeGetTensorImpl()->set_wrapped_number(true);
  return tensor;
}

int64_t memory_format(const std::string& name) {
  if (name == "contiguous") return static_cast<int64_t>(at::MemoryFormat::Contiguous);
  if (name == "channels_last") return static_cast<int64_t>(at::MemoryFormat::ChannelsLast);
  if (name == "preserve") return static_cast<int64_t>(at::MemoryFormat::Preserve);
  throw std::invalid_argument("'" + name + "' is no memory format (contiguous, channels_last, preserve)");
}

c10::IValue element_to_ivalue(Napi::Value value, const c10::Argument& argument, const c10::TypePtr& type,
                              const c10::TypePtr& real_type);

template <typename T, typename Convert>
c10::IValue to_list(const Napi::Array& array, c10::List<T> list, Convert convert) {
  for (uint32_t i = 0; i < array.Length(); ++i) list.push_back(convert(array[i]));
  return list;
}

c10::IValue list_to_ivalue(Napi::Value value, const c10::Argument& argument, const c10::TypePtr& element) {
  if (!value.IsArray()) {
    // libtorch lets one number stand for a list of known length (`int[2] stride`).
    if (argument.N() && value.IsNumber() && element->kind() == c10::TypeKind::IntType) {
      return c10::List<int64_t>(std::vector<int64_t>(*argument.N(), to_integer(value, name_of(argument))));
    }
    mismatch(value, argument, "an array (" + element->str() + "[])");
  }
  const Napi::Array array = value.As<Napi::Array>();
  switch (element->kind()) {
    case c10::TypeKind::TensorType:
      return to_list(array, c10::List<at::Tensor>(), [&](Napi::Value item) {
        if (const at::Tensor* tensor = find_tensor(item)) return *tensor;
        mismatch(item, argument, "an array of tensors");
      });
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      return to_list(array, c10::List<int64_t>(),
                     [&](Napi::Value item) { return to_integer(item, name_of(argument)); });
    case c10::TypeKind::FloatType:
      return to_list(array, c10::List<double>(), [&](Napi::Value item) {
        if (!item.IsNumber()) mismatch(item, argument, "an array of numbers");
        return item.As<Napi::Number>().DoubleValue();
      });
    case c10::TypeKind::BoolType:
      return to_list(array, c10::List<bool>(), [&](Napi::Value item) {
        if (!item.IsBoolean()) mismatch(item, argument, "an array of booleans");
        return item.As<Napi::Boolean>().Value();
      });
    default: {
      c10::impl::GenericList list(element);
      for (uint32_t i = 0; i < array.Length(); ++i)
        list.push_back(element_to_ivalue(array[i], argument, element, element));
      return list;
    }
  }
}

c10::IValue string_to_ivalue(Napi::Value value, const c10::Argument& argument, const c10::TypePtr& type,
                             const c10::TypePtr& real_type) {
  const std::string text = value.As<Napi::String>().Utf8Value();
  if (real_type->kind() == c10::TypeKind::ScalarTypeType) return static_cast<int64_t>(parse_dtype(value.Env(), text));
  if (real_type->kind() == c10::TypeKind::MemoryFormatType) return memory_format(text);
  if (type->kind() == c10::TypeKind::DeviceObjType) return c10::Device(text);
  if (type->kind() == c10::TypeKind::StringType) return text;
  mismatch(value, argument, type->str());
}

c10::IValue element_to_ivalue(Napi::Value value, const c10::Argument& argument, const c10::TypePtr& type,
                              const c10::TypePtr& real_type) {
  if (type->kind() == c10::TypeKind::OptionalType) {
    if (value.IsNull() || value.IsUndefined()) return c10::IValue();
    const c10::TypePtr real_element = real_type->kind() == c10::TypeKind::OptionalType
                                          ? real_type->expectRef<c10::OptionalType>().getElementType()
                                          : real_type;
    return element_to_ivalue(value, argument, type->expectRef<c10::OptionalType>().getElementType(), real_element);
  }
  if (value.IsString()) return string_to_ivalue(value, argument, type, real_type);
  switch (type->kind()) {
    case c10::TypeKind::TensorType:
      if (value.IsNumber()) return wrapped_number(to_scalar(value.As<Napi::Number>()));
      if (value.IsBoolean()) return wrapped_number(c10::Scalar(value.As<Napi::Boolean>().Value()));
      if (const at::Tensor* tensor = find_tensor(value)) return *tensor;
      mismatch(value, argument, "a tensor");
    case c10::TypeKind::IntType:
    case c10::TypeKind::SymIntType:
      // libtorch takes these as numbers, and trusts them.
      if (real_type->kind() == c10::TypeKind::ScalarTypeType) mismatch(value, argument, "the name of a dtype");
      if (real_type->kind() == c10::TypeKind::MemoryFormatType)
        mismatch(value, argument, "the name of a memory format");
      if (real_type->kind() == c10::TypeKind::LayoutType) mismatch(value, argument, "nothing (tensors are strided)");
      return to_integer(value, name_of(argument));
    case c10::TypeKind::FloatType:
      if (!value.IsNumber()) mismatch(value, argument, "a number");
      return value.As<Napi::Number>().DoubleValue();
    case c10::TypeKind::BoolType:
      if (!value.IsBoolean()) mismatch(value, argument, "a boolean");
      return value.As<Napi::Boolean>().Value();
    case c10::TypeKind::NumberType:
      if (value.IsBoolean()) return c10::IValue(value.As<Napi::Boolean>().Value());
      if (value.IsBigInt()) return to_integer(value, name_of(argument));
      if (!value.IsNumber()) mismatch(value, argument, "a number");
      return c10::IValue(to_scalar(value.As<Napi::Number>()));
    case c10::TypeKind::ListType:
      return list_to_ivalue(value, argument, type->expectRef<c10::ListType>().getElementType());
    default:
      mismatch(value, argument, type->str());
  }
}

}  // namespace

int64_t to_integer(Napi::Value value, const std::string& what) {
  if (value.IsBigInt()) {
    bool lossless = false;
    const int64_t integer = value.As<Napi::BigInt>().Int64Value(&lossless);
    if (lossless) return integer;
  } else if (value.IsNumber()) {
    const double number = value.As<Napi::Number>().DoubleValue();
    if (std::trunc(number) == number && std::abs(number) <= kExact) return static_cast<int64_t>(number);
    throw std::invalid_argument(what + " takes a whole number up to 2^53 (beyond, a bigint), got " +
                                std::to_string(number));
  }
  throw std::invalid_argument(what + " takes a whole number, got " + kind_of(value));
}

at::ScalarType parse_dtype(Napi::Env env, const std::string& name) {
  for (const auto& [known, dtype] : kDtypes) {
    if (name == known) return dtype;
  }
  throw make_error(env, "OPERATOR",
                   "'" + name + "' is no dtype of the engine (float32, float64, float16, bfloat16, int64, ...)");
}

const char* dtype_name(at::ScalarType dtype) {
  for (const auto& [name, known] : kDtypes) {
    if (dtype == known) return name;
  }
  return c10::toString(dtype);
}

c10::IValue to_ivalue(Napi::Value value, const c10::Argument& argument) {
  if (value.IsUndefined() && argument.default_value()) return *argument.default_value();
  return element_to_ivalue(value, argument, argument.type(), argument.real_type());
}

Napi::Value from_ivalue(Napi::Env env, c10::IValue value) {
  if (value.isTensor()) return wrap_tensor(env, std::move(value).toTensor());
  if (value.isNone()) return env.Null();
  if (value.isBool()) return Napi::Boolean::New(env, value.toBool());
  if (value.isInt()) return Napi::Number::New(env, static_cast<double>(value.toInt()));
  if (value.isDouble()) return Napi::Number::New(env, value.toDouble());
  if (value.isScalar()) return Napi::Number::New(env, value.toScalar().toDouble());
  if (value.isString()) return Napi::String::New(env, value.toStringRef());
  if (value.isList() || value.isTuple()) {
    std::vector<c10::IValue> items =
        value.isList() ? value.toListRef().vec() : value.toTupleRef().elements().asArrayRef().vec();
    value = c10::IValue();  // the items are the only ones to hold their tensors now
    return from_ivalues(env, items);
  }
  throw std::invalid_argument("the result has a type that JavaScript is not given: " + value.tagKind());
}

Napi::Array from_ivalues(Napi::Env env, std::vector<c10::IValue>& values) {
  Napi::Array array = Napi::Array::New(env, values.size());
  for (size_t i = 0; i < values.size(); ++i) array[static_cast<uint32_t>(i)] = from_ivalue(env, std::move(values[i]));
  return array;
}

}  // namespace uafer

// Operators by name: found in libtorch's dispatcher, called boxed with arguments read by the operator's own schema.
#include <sstream>

#include "engine.h"

namespace uafer {
namespace {

void describe_value(std::ostream& out, const c10::IValue& value) {
  if (value.isTensor()) {
    out << dtype_name(value.toTensor().scalar_type()) << value.toTensor().sizes();
  } else if (value.isTensorList()) {
    out << value.toListRef().size() << " tensors";
  } else {
    out << value;
  }
}

// The schema and what was given, for the message of a failed call.
std::string describe_call(const c10::FunctionSchema& schema, const std::vector<c10::IValue>& arguments) {
  std::ostringstream out;
  out << schema << " with (";
  for (size_t i = 0; i < arguments.size(); ++i) {
    out << (i > 0 ? ", " : "") << schema.arguments()[i].name() << ": ";
    describe_value(out, arguments[i]);
  }
  out << ")";
  return out.str();
}

std::vector<c10::IValue> read_arguments(const c10::FunctionSchema& schema, const Napi::CallbackInfo& given) {
  const auto& expected = schema.arguments();
  if (given.Length() > expected.size()) {
    throw std::invalid_argument("takes " + std::to_string(expected.size()) + " arguments, got " +
                                std::to_string(given.Length()));
  }
  std::vector<c10::IValue> arguments;
  arguments.reserve(std::max<size_t>(expected.size(), schema.returns().size()));
  for (size_t i = 0; i < expected.size(); ++i) arguments.push_back(to_ivalue(given[i], expected[i]));
  return arguments;
}

// What `find_operator` gives: the operator as a function of its schema's arguments.
Napi::Value call(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  const auto& op = *static_cast<const c10::OperatorHandle*>(info.Data());
  const c10::FunctionSchema& schema = op.schema();
  std::vector<c10::IValue> stack;
  try {
    stack = read_arguments(schema, info);
  } catch (const Napi::Error& error) {
    throw make_error(env, "OPERATOR", c10::toString(schema) + ": " + error.Message());
  } catch (const std::exception& error) {
    throw make_error(env, "OPERATOR", c10::toString(schema) + ": " + describe(error));
  }
  try {
    op.callBoxed(stack);
    if (stack.empty()) return env.Undefined();
    if (stack.size() == 1) return from_ivalue(env, std::move(stack.front()));
    return from_ivalues(env, stack);
  } catch (const Napi::Error&) {
    throw;
  } catch (const std::exception& error) {
    // The stack is spent by now: the arguments are read once more for the message.
    std::string what = c10::toString(schema);
    try {
      what = describe_call(schema, read_arguments(schema, info));
    } catch (...) {  // a message must not fail
    }
    throw make_error(env, "OPERATOR", what + ": " + describe(error));
  }
}

// (name: string, overload: string) => (...arguments: Value[]) => Value
Napi::Value find_operator(const Napi::CallbackInfo& info) {
  const Napi::Env env = info.Env();
  if (!info[0].IsString() || !info[1].IsString()) {
    throw make_error(env, "OPERATOR", "findOperator takes a name and an overload name");
  }
  const std::string name = info[0].As<Napi::String>();
  const std::string overload = info[1].As<Napi::String>();
  const std::string qualified = overload.empty() ? name : name + "." + overload;
  return guarded(env, "OPERATOR", qualified, [&]() -> Napi::Value {
    const auto found = c10::Dispatcher::singleton().findSchema({name, overload});
    TORCH_CHECK(found, "libtorch has no such operator");
    std::deque<c10::OperatorHandle>& operators = thread_state(env).operators;
    operators.push_back(*found);
    return Napi::Function::New<call>(env, qualified, &operators.back());
  });
}

}  // namespace

void register_dispatch(Napi::Env env, Napi::Object exports) {
  exports.Set("findOperator", Napi::Function::New(env, find_operator));
}

}  // namespace uafer

//! The machine that runs modules: the only file that speaks `wasmtime`.

use wasmtime::{
    Caller, Config, Engine, Extern, ExternType, FuncType, InstancePre, Linker, Memory, ResourceLimiter,
    Store, Trap, Val, ValType,
};

use crate::host::{Host, Phase};
use crate::hostcalls::{Arguments, CALLS, Hostcall, Status, Write};
use crate::{Error, Limits};

/// Under one of these names a module hands out memory for what a hostcall returns.
const ALLOCATORS: [&str; 2] = ["malloc", "proxy_on_memory_allocate"];

/// A compiled module with its imports resolved.
#[derive(Clone)]
pub(crate) struct Code {
    linked: InstancePre<Host>,
}

impl Code {
    /// Compiles a module and resolves its imports.
    pub(crate) fn compile(bytes: &[u8]) -> Result<Self, Error> {
        let bad = |error: wasmtime::Error| Error::NotAModule { reason: cause(&error) };
        let mut config = Config::new();
        config.consume_fuel(true);
        let engine = Engine::new(&config).map_err(bad)?;
        let module = wasmtime::Module::new(&engine, bytes).map_err(bad)?;

        let mut linker = Linker::new(&engine);
        for import in module.imports() {
            let call = known(import.module(), import.name())?;
            let wrong = || Error::WrongImport { name: call.name.to_owned() };
            let signature = signature(&engine, call);
            match import.ty() {
                ExternType::Func(wanted) if FuncType::eq(&wanted, &signature) => {}
                _ => return Err(wrong()),
            }
            linker.allow_shadowing(true);
            linker
                .func_new("env", call.name, signature, move |caller, arguments, results| {
                    serve(caller, call, arguments, results)
                })
                .map_err(|_| wrong())?;
        }
        Ok(Self { linked: linker.instantiate_pre(&module).map_err(bad)? })
    }

    /// Whether the module exports something of that name.
    pub(crate) fn exports(&self, name: &str) -> bool {
        self.linked.module().get_export(name).is_some()
    }

    /// Whether the module exports its memory and a way to allocate in it.
    pub(crate) fn exports_memory(&self) -> Result<(), Error> {
        match self.linked.module().get_export("memory") {
            Some(ExternType::Memory(_)) => {}
            _ => return Err(Error::MissingExport { what: "its `memory`" }),
        }
        match ALLOCATORS.iter().any(|name| self.exports(name)) {
            true => Ok(()),
            false => Err(Error::MissingExport { what: "`malloc` or `proxy_on_memory_allocate`" }),
        }
    }
}

/// The hostcall behind an import, or an error that says how to do without.
fn known(module: &str, name: &str) -> Result<&'static Hostcall, Error> {
    let found = CALLS.iter().find(|call| module == "env" && call.name == name);
    found.ok_or_else(|| Error::MissingImport {
        module: module.to_owned(),
        name: name.to_owned(),
        cure: match module.starts_with("wasi") {
            true => "; build it for `wasm32-unknown-unknown`",
            false => "",
        },
    })
}

fn signature(engine: &Engine, call: &Hostcall) -> FuncType {
    let parameters =
        call.parameters.chars().map(|letter| if letter == 'I' { ValType::I64 } else { ValType::I32 });
    FuncType::new(engine, parameters, [ValType::I32])
}

/// An instantiated module.
pub(crate) struct Machine {
    store: Store<Host>,
    instance: wasmtime::Instance,
    limits: Limits,
}

/// Why a call did not return.
pub(crate) enum Fault {
    /// It ran for too long.
    Fuel,
    /// It crashed, or the host stopped it.
    Trap(String),
}

impl From<wasmtime::Error> for Fault {
    fn from(error: wasmtime::Error) -> Self {
        match error.downcast_ref::<Trap>() {
            Some(Trap::OutOfFuel) => Self::Fuel,
            _ => Self::Trap(cause(&error)),
        }
    }
}

impl Machine {
    /// Gives a module memory of its own and runs its start function, if it has one.
    pub(crate) fn new(code: &Code, host: Host) -> Result<Self, Fault> {
        let limits = host.plugin.limits;
        let mut store = Store::new(code.linked.module().engine(), host);
        store.limiter(|host| host);
        store.set_fuel(limits.fuel)?;
        let instance = code.linked.instantiate(&mut store)?;
        Ok(Self { store, instance, limits })
    }

    pub(crate) fn host(&self) -> &Host {
        self.store.data()
    }

    pub(crate) fn host_mut(&mut self) -> &mut Host {
        self.store.data_mut()
    }

    /// Calls an exported function with a full ration of fuel. Answers its result, 0 for a function without one,
    /// or nothing if there is no such export.
    pub(crate) fn call(&mut self, name: &str, arguments: &[u32]) -> Result<Option<u32>, Fault> {
        let Some(function) = self.instance.get_func(&mut self.store, name) else { return Ok(None) };
        self.store.set_fuel(self.limits.fuel)?;
        let arguments: Vec<_> = arguments.iter().map(|word| Val::I32(word.cast_signed())).collect();
        let mut results = vec![Val::I32(0); function.ty(&self.store).results().len()];
        function.call(&mut self.store, &arguments, &mut results)?;
        match results.first() {
            Some(Val::I32(word)) => Ok(Some(word.cast_unsigned())),
            None => Ok(Some(0)),
            Some(_) => Err(Fault::Trap(format!("`{name}` does not return a number of 32 bits"))),
        }
    }
}

impl ResourceLimiter for Host {
    fn memory_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        let allowed = desired <= self.plugin.limits.memory;
        if !allowed {
            self.refused_memory = Some(desired);
        }
        Ok(allowed)
    }

    fn table_growing(&mut self, _: usize, desired: usize, _: Option<usize>) -> wasmtime::Result<bool> {
        // A table holds an entry of some 16 bytes per function pointer; no plugin has a million of them.
        Ok(desired <= 1 << 20)
    }
}

/// Runs a hostcall and writes its answer into the guest's memory.
fn serve(
    mut caller: Caller<'_, Host>,
    call: &Hostcall,
    arguments: &[Val],
    results: &mut [Val],
) -> wasmtime::Result<()> {
    if caller.data().phase == Phase::Initialize && call.name != "proxy_log" {
        return Err(wasmtime::Error::msg(format!(
            "`{}` may not be called while the module initializes",
            call.name
        )));
    }
    let Some(Extern::Memory(memory)) = caller.get_export("memory") else {
        return Err(wasmtime::Error::msg("the module does not export its `memory`"));
    };
    let values: Vec<u64> = arguments.iter().map(widen).collect();
    let (bytes, host) = memory.data_and_store_mut(&mut caller);
    let status = match (call.run)(host, &Arguments { memory: bytes, values: &values }) {
        Ok(writes) => write_all(&mut caller, memory, writes)?,
        Err(status) => status,
    };
    if let Some(result) = results.first_mut() {
        *result = Val::I32(status as i32);
    }
    Ok(())
}

/// A parameter's bits, widened to 64 of them.
fn widen(value: &Val) -> u64 {
    match value {
        Val::I32(word) => u64::from(word.cast_unsigned()),
        Val::I64(long) => long.cast_unsigned(),
        // `signature` knows no other type.
        _ => 0,
    }
}

fn write_all(caller: &mut Caller<'_, Host>, memory: Memory, writes: Vec<Write>) -> wasmtime::Result<Status> {
    let mut written = true;
    for write in writes {
        written &= match write {
            Write::Word { at, value } => put(caller, memory, at, &value.to_le_bytes()),
            Write::Long { at, value } => put(caller, memory, at, &value.to_le_bytes()),
            Write::Block { address_at, length_at, bytes } => {
                let length = u32::try_from(bytes.len())?;
                let address = if bytes.is_empty() { 0 } else { allocate(caller, length)? };
                (bytes.is_empty() || (address != 0 && put(caller, memory, address, &bytes)))
                    && put(caller, memory, address_at, &address.to_le_bytes())
                    && put(caller, memory, length_at, &length.to_le_bytes())
            }
        };
    }
    Ok(if written { Status::Ok } else { Status::InvalidMemoryAccess })
}

/// Writes bytes; false if they do not fit.
fn put(caller: &mut Caller<'_, Host>, memory: Memory, address: u32, bytes: &[u8]) -> bool {
    memory.write(caller, address as usize, bytes).is_ok()
}

/// Lets the guest find room for a block.
fn allocate(caller: &mut Caller<'_, Host>, length: u32) -> wasmtime::Result<u32> {
    for name in ALLOCATORS {
        if let Some(Extern::Func(function)) = caller.get_export(name) {
            return function.typed::<u32, u32>(&caller)?.call(caller, length);
        }
    }
    Err(wasmtime::Error::msg("the module exports no `malloc`"))
}

/// The innermost reason, without the context that `wasmtime` wraps round it.
fn cause(error: &wasmtime::Error) -> String {
    error.root_cause().to_string()
}

/** What `wasm-bindgen --target web` makes of the crate `bookend-playground`. */
declare module "@engine/bookend_playground.js" {
  export default function init(): Promise<unknown>;
  export function ask(question: string): string;
}

import bookinfoInventory from "../../../examples/bookinfo/inventory.yaml?raw";
import bookinfoManifest from "../../../examples/bookinfo/bookinfo.yaml?raw";
import bookinfoPolicy from "../../../examples/bookinfo/policy.yaml?raw";
import bookinfoTests from "../../../examples/bookinfo/tests.yaml?raw";
import denyInventory from "../../../examples/default-deny/inventory.yaml?raw";
import denyPolicy from "../../../examples/default-deny/policy.yaml?raw";
import denyTests from "../../../examples/default-deny/tests.yaml?raw";
import apiInventory from "../../../examples/read-only-api/inventory.yaml?raw";
import apiPolicy from "../../../examples/read-only-api/policy.yaml?raw";
import apiTests from "../../../examples/read-only-api/tests.yaml?raw";
import databaseInventory from "../../../examples/external-database/inventory.yaml?raw";
import databasePolicy from "../../../examples/external-database/policy.yaml?raw";
import databaseTests from "../../../examples/external-database/tests.yaml?raw";
import auditInventory from "../../../examples/audit-rollout/inventory.yaml?raw";
import auditPolicy from "../../../examples/audit-rollout/policy.yaml?raw";
import auditTests from "../../../examples/audit-rollout/tests.yaml?raw";
import type { Inquiry, Source } from "./protocol";

export interface Example {
  name: string;
  files: Source[];
  /** Questions that show what the policy does; the first is asked at once. */
  questions: { words: string; inquiry: Inquiry }[];
}

const files = (policy: string, inventory: string, tests: string): Source[] => [
  { name: "policy.yaml", text: policy },
  { name: "inventory.yaml", text: inventory },
  { name: "tests.yaml", text: tests },
];

const http = (words: string, from: string, to: string, port: string, method: string, path: string) => ({
  words,
  inquiry: { from, to, port, request: { method, path } },
});

export const EXAMPLES: readonly [Example, ...Example[]] = [
  {
    name: "Bookinfo",
    files: [
      ...files(bookinfoPolicy, bookinfoInventory, bookinfoTests),
      { name: "bookinfo.yaml", text: bookinfoManifest },
    ],
    questions: [
      http("reviews writes a rating", "reviews-v2", "ratings", "9080", "POST", "/ratings/1"),
      http("reviews reads a rating", "reviews-v2", "ratings", "9080", "GET", "/ratings/1"),
      http("an old version reads one", "reviews-v1", "ratings", "9080", "GET", "/ratings/1"),
      { words: "ratings dials its database", inquiry: { from: "ratings-v1", to: "192.0.2.33", port: "3306" } },
    ],
  },
  {
    name: "Default deny",
    files: files(denyPolicy, denyInventory, denyTests),
    questions: [
      { words: "web calls ledger", inquiry: { from: "shop/web", to: "shop/ledger", port: "8080" } },
      { words: "web calls cart", inquiry: { from: "shop/web", to: "shop/cart", port: "8080" } },
    ],
  },
  {
    name: "Read-only API",
    files: files(apiPolicy, apiInventory, apiTests),
    questions: [
      http("the shop writes an item", "catalog/shop", "catalog/api", "8080", "PUT", "/items/7"),
      http("the importer writes an item", "catalog/importer", "catalog/api", "8080", "PUT", "/items/7"),
      http("the importer reads users", "catalog/importer", "catalog/api", "8080", "GET", "/admin/users"),
    ],
  },
  {
    name: "External database",
    files: files(databasePolicy, databaseInventory, databaseTests),
    questions: [
      { words: "web dials the database", inquiry: { from: "orders/web", to: "192.0.2.10", port: "5432" } },
      { words: "orders dials the database", inquiry: { from: "orders/orders", to: "192.0.2.10", port: "5432" } },
    ],
  },
  {
    name: "Audit rollout",
    files: files(auditPolicy, auditInventory, auditTests),
    questions: [
      http("deleting a booking", "pay/till", "pay/ledger", "8080", "DELETE", "/bookings/1"),
      http("the report reads", "pay/report", "pay/ledger", "8080", "GET", "/bookings"),
    ],
  },
];

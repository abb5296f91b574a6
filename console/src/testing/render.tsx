import { QueryClient, QueryClientProvider } from "@tanstack/react-query";
import { render } from "@testing-library/react";
import type { ReactNode } from "react";
import { Router } from "wouter";
import { memoryLocation } from "wouter/memory-location";
import { Toasts } from "../ui/toasts.tsx";

/** Shows something as in a page at a path: with a query client of its own, and toasts. */
export function show(content: ReactNode, path = "/") {
  const client = new QueryClient({ defaultOptions: { queries: { retry: false }, mutations: { retry: false } } });
  const location = memoryLocation({ path, record: true });
  const view = render(
    <QueryClientProvider client={client}>
      <Router hook={location.hook} searchHook={location.searchHook}>
        {content}
        <Toasts />
      </Router>
    </QueryClientProvider>,
  );
  return { ...view, client, history: location.history };
}

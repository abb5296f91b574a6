import { Component, type ReactNode } from "react";
import { commonTexts } from "../texts/common.ts";
import { Button } from "./button.tsx";
import pageStyles from "./page.module.css";
import { Problem } from "./problem.tsx";

/** Shows what failed instead of a white page. */
export class ErrorBoundary extends Component<{ children: ReactNode }, { error?: unknown }> {
  override state: { error?: unknown } = {};

  static getDerivedStateFromError(error: unknown) {
    return { error };
  }

  override render() {
    if (this.state.error === undefined) return this.props.children;
    return (
      <div className={pageStyles.page}>
        <h1>{commonTexts.broken.title}</h1>
        <p>{commonTexts.broken.text}</p>
        <Problem error={this.state.error} />
        <div>
          <Button onPress={() => window.location.reload()}>{commonTexts.reload}</Button>
        </div>
      </div>
    );
  }
}

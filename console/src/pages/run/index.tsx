import { Page } from "../../ui/index.ts";

export default function RunPage({ jobId }: { jobId: string }) {
  return <Page title={jobId}>{null}</Page>;
}
